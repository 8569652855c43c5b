"""A key makes one order for good: also after Temporal has forgotten the workflow."""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import httpx2
import pytest_asyncio
from sqlalchemy import text
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from api.orders.place_order import fingerprint, order_id_for
from api.schemas import ItemBody, PlaceOrderBody
from contracts.base import Money
from contracts.names import workflow_id
from infrastructure.postgres.database import Database
from tests.support.waiting import until
from tests.support.world import World


async def body_of(world: World, sku: str) -> dict[str, object]:
    items = [{"sku": sku, "quantity": 1}]
    return {
        "customer_id": await world.user(),
        "items": items,
        "payment_method": "pm_card_visa",
    }


async def post(world: World, key: str, body: dict[str, object], **headers: str) -> httpx2.Response:
    headers = {"Idempotency-Key": key} | headers
    return await world.http.post("/v1/orders", json=body, headers=headers)


async def is_known(world: World, order_id: str) -> bool:
    """Whether Temporal knows the order's workflow."""
    try:
        await world.handle(order_id).describe()
    except RPCError as error:
        return error.status != RPCStatusCode.NOT_FOUND
    return True


async def forget(world: World, order_id: str) -> None:
    """What Temporal's retention does, now."""
    request = DeleteWorkflowExecutionRequest(
        namespace=world.client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
    )
    await world.client.workflow_service.delete_workflow_execution(request)

    async def gone() -> bool:
        return not await is_known(world, order_id)

    await until(gone, within=120)


async def unmark(world: World, order_id: str) -> None:
    """As a release before fingerprints left it."""
    database = Database(world.databases.order_database_url)
    async with database.transaction() as tx:
        statement = "UPDATE orders SET fingerprint = NULL, accepted_at = NULL WHERE id = :id"
        await tx.execute(text(statement), {"id": order_id})
    await database.close()


@dataclass
class Placed:
    """A confirmed order: what was asked, and what was answered."""

    sku: str
    key: str
    body: dict[str, object]
    first: httpx2.Response

    @classmethod
    async def new(cls, world: World) -> "Placed":
        sku, key = await world.product(), uuid4().hex
        body = await body_of(world, sku)
        first = await post(world, key, body)
        await world.settled(first.json()["id"], sku, "confirmed")
        return cls(sku, key, body, first)

    @property
    def id(self) -> str:
        return str(self.first.json()["id"])


@pytest_asyncio.fixture(scope="module")
async def forgotten(world: World) -> tuple[Placed, Placed]:
    """Two orders that Temporal no longer knows; the second has no fingerprint either.

    Together, because Temporal takes some twenty seconds to delete a workflow.
    """
    new, old = await Placed.new(world), await Placed.new(world)
    await unmark(world, old.id)
    await asyncio.gather(forget(world, new.id), forget(world, old.id))
    return new, old


async def test_past_retention_the_same_request_gets_the_same_answer_and_starts_nothing(
    world: World, forgotten: tuple[Placed, Placed]
) -> None:
    placed, _ = forgotten
    answers = await asyncio.gather(*(post(world, placed.key, placed.body) for _ in range(10)))
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (202, placed.first.content)
    }
    assert {answer.headers["idempotent-replayed"] for answer in answers} == {"true"}
    ended = await post(world, placed.key, placed.body, prefer="wait=30")
    assert (ended.status_code, ended.json()["status"]) == (201, "confirmed")
    assert not await is_known(world, placed.id)
    await world.check_conserved(await world.order(placed.id), placed.sku)  # charged once, sold once


async def test_past_retention_another_body_is_still_refused(
    world: World, forgotten: tuple[Placed, Placed]
) -> None:
    placed, _ = forgotten
    for change in ({"payment_method": "pm_card_amex"}, {"customer_id": "usr_nobody"}):
        answer = await post(world, placed.key, placed.body | change)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert not await is_known(world, placed.id)


async def test_past_retention_an_order_without_a_fingerprint_is_not_begun_again(
    world: World, forgotten: tuple[Placed, Placed]
) -> None:
    _, placed = forgotten
    again = await post(world, placed.key, placed.body)
    assert (again.status_code, again.json()["id"]) == (202, placed.id)
    assert again.headers["idempotent-replayed"] == "true"
    assert not await is_known(world, placed.id)
    await world.check_conserved(await world.order(placed.id), placed.sku)


async def test_without_a_fingerprint_on_record_the_memo_is_compared(world: World) -> None:
    placed = await Placed.new(world)
    await unmark(world, placed.id)
    again = await post(world, placed.key, placed.body)
    assert (again.status_code, again.content) == (202, placed.first.content)
    other = await post(world, placed.key, placed.body | {"payment_method": "pm_card_amex"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_only_a_repetition_says_that_it_is_one(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    answers = await asyncio.gather(*(post(world, key, body) for _ in range(10)))
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 9
    await world.settled(answers[0].json()["id"], sku, "confirmed")


async def test_a_refused_request_does_not_use_up_its_key(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    for wrong in (body | {"items": []}, body | {"customer_id": "usr_nobody"}):
        assert (await post(world, key, wrong)).status_code == 422
    answer = await post(world, key, body)
    assert answer.status_code == 202
    assert "idempotent-replayed" not in answer.headers
    await world.settled(answer.json()["id"], sku, "confirmed")


async def test_two_keys_in_one_request_are_refused(world: World) -> None:
    body = await body_of(world, await world.product())
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    answer = await world.http.post("/v1/orders", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


def test_the_order_of_a_key_never_changes() -> None:
    """A caller who repeats a request after an upgrade must find the order of before it."""
    assert order_id_for("local", "key-1") == "ord_s7lixyzfwgki524fuliwfcwnxd"


def test_the_fingerprint_of_a_request_never_changes() -> None:
    """It is compared with what was recorded by an earlier release."""
    items = [ItemBody(sku="ANVIL-1", quantity=2)]
    body = PlaceOrderBody(customer_id="usr_1", items=items, payment_method="pm_card_visa")
    assert fingerprint(body) == "6261cf953644be07c2b46301dba50c9e87a045cfcf1c0d86ccd2a9b2e9c506c7"
    total = body.model_copy(update={"expected_total": Money(minor=5000, currency="EUR")})
    assert fingerprint(total) == "73de2480c5792b394a6c2f9f9d1ded04bd48bac221dfc620712b6de9b5e56145"
