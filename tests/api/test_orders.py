"""Orders by REST: accepted once per key, visible at once, listed, and honest about outages."""

import asyncio
import json
import os
import signal
from uuid import uuid4

import httpx2
import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.orders.place_order import order_id_for
from api.security.authentication import Scope
from contracts.names import workflow_id
from tests.support.gates import BEFORE
from tests.support.ports import free_port
from tests.support.tokens import OPERATOR, bearer
from tests.support.waiting import until
from tests.support.world import World, running_api


async def body_of(world: World, sku: str, quantity: int = 1) -> dict[str, object]:
    return {
        "customer_id": await world.user(),
        "items": [{"sku": sku, "quantity": quantity}],
        "payment_method": "pm_card_visa",
    }


async def post(world: World, key: str, body: dict[str, object]) -> httpx2.Response:
    return await world.http.post("/v1/orders", json=body, headers={"Idempotency-Key": key})


async def test_fifty_posts_at_once_with_one_key_are_one_order(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    answers = await asyncio.gather(*(post(world, key, body) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["location"] for answer in answers} == {
        f"/v1/orders/{answers[0].json()['id']}"
    }
    await world.settled(answers[0].json()["id"], sku, "confirmed")


async def test_the_same_request_after_the_end_gets_the_same_answer(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    first = await post(world, key, body)
    order = await world.settled(first.json()["id"], sku, "confirmed")
    reordered = json.loads(json.dumps(dict(reversed(body.items()))))
    again = await post(world, key, reordered)
    assert (again.status_code, again.content) == (202, first.content)
    assert await world.order(order.id) == order


async def test_the_same_key_with_another_body_is_refused_and_starts_nothing(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    first = await post(world, key, body)
    answer = await post(world, key, body | {"payment_method": "pm_card_mastercard"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    await world.settled(first.json()["id"], sku, "confirmed")


async def test_a_repetition_is_judged_by_what_was_accepted_not_by_todays_catalogue(
    world: World,
) -> None:
    sku, key = await world.product(minor=500), uuid4().hex
    body = await body_of(world, sku) | {"expected_total": {"minor": 500, "currency": "EUR"}}
    first = await post(world, key, body)
    await world.settled(first.json()["id"], sku, "confirmed")
    wrong = body | {"expected_total": {"minor": 499, "currency": "EUR"}}
    assert (await post(world, key, wrong)).json()["code"] == "idempotency_key_reused"
    assert (await post(world, uuid4().hex, wrong)).json()["code"] == "validation_failed"


async def test_an_accepted_order_is_visible_before_its_first_step(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    order_id = order_id_for(OPERATOR, key)
    gate = world.gates.close(workflow_id(order_id), "order.create", BEFORE)
    accepted = (await post(world, key, await body_of(world, sku))).json()
    await gate.wait_reached()
    assert await world.rest(f"/v1/orders/{order_id}") == accepted
    assert await world.rest_items(f"/v1/orders/{order_id}/events") == []
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    events = await world.rest_items(f"/v1/orders/{order_id}/events")
    types = [event["type"] for event in events]
    assert types == ["OrderPlaced", "ItemAdded", "OrderConfirmed"]


async def test_orders_are_listed_by_customer_and_status(world: World) -> None:
    sku, user = await world.product(), await world.user()
    placed = [await world.place(sku, user=user, quantity=1) for _ in range(3)]
    for order_id in placed:
        await world.handle(order_id).result()
    query = f"/v1/orders?customer_id={user}&status=confirmed&limit=2"
    first = await world.rest(query)
    second = await world.rest(f"{query}&cursor={first['next_cursor']}")
    assert {item["id"] for item in first["items"] + second["items"]} == set(placed)
    assert second["next_cursor"] is None


async def test_the_link_header_leads_through_all_pages(world: World) -> None:
    sku, user = await world.product(), await world.user()
    placed = [await world.place(sku, user=user, quantity=1) for _ in range(5)]
    for order_id in placed:
        await world.handle(order_id).result()
    found: list[str] = []
    path: str | None = f"/v1/orders?customer_id={user}&limit=2"
    while path:
        answer = (await world.http.get(path)).raise_for_status()
        found += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "link" in answer.headers else None
        assert (path is None) is (answer.json()["next_cursor"] is None)
    assert sorted(found) == sorted(placed)


async def test_orders_are_listed_by_time_from_inclusive_to_exclusive(world: World) -> None:
    sku, user = await world.product(), await world.user()
    placed = []
    for _ in range(3):
        placed.append(await world.place(sku, user=user, quantity=1))
        await world.handle(placed[-1]).result()
    created = [(await world.rest(f"/v1/orders/{order}"))["created_at"] for order in placed]

    async def between(**times: str) -> list[str]:
        query = {"customer_id": user, **times}
        answer = (await world.http.get("/v1/orders", params=query)).raise_for_status()
        return [item["id"] for item in answer.json()["items"]]

    assert await between(created_from=created[1]) == [placed[2], placed[1]]
    assert await between(created_to=created[1]) == [placed[0]]
    assert await between(created_from=created[0], created_to=created[2]) == [placed[1], placed[0]]


async def test_the_payment_of_an_order_can_be_read(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    order = await world.settled(order_id, sku, "confirmed")
    payment = await world.rest(f"/v1/payments/{order_id}")
    assert (payment["status"], payment["amount"]) == ("captured", order.total.model_dump())


async def test_temporal_away_answers_503_and_the_same_key_works_afterwards(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    nowhere = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=pydantic_data_converter
    )
    async with running_api(nowhere, world.services) as without_temporal:
        headers = {"Idempotency-Key": key}
        answer = await without_temporal.post("/v1/orders", json=body, headers=headers)
    unavailable(answer)
    (said,) = [line for line in caplog.messages if answer.json()["request_id"] in line]
    assert "POST /v1/orders: 503" in said
    assert "Temporal" in said  # which part it was: operators need it, and callers are not told
    assert (await post(world, key, body)).status_code == 202
    await world.settled(order_id_for(OPERATOR, key), sku, "confirmed")


async def test_a_start_whose_outcome_is_unknown_answers_503_and_stays_one_order(
    world: World,
) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    assert world.temporal.identity is not None
    pid = world.temporal.identity.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        unavailable(await post(world, key, body))
    finally:
        os.kill(pid, signal.SIGCONT)  # now it handles what it has received meanwhile

    async def accepted() -> bool:
        return (await post(world, key, body)).status_code == 202

    await until(accepted, within=30)
    await world.settled(order_id_for(OPERATOR, key), sku, "confirmed")


def unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "unavailable"
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("scope", "whose"),
    [
        (Scope.CUSTOMER, "customer"),
        (Scope.SERVICE, "customer"),  # a shop's program, which calls for its customer
        (Scope.OPERATOR, "operator"),
    ],
)
async def test_the_reason_of_a_cancel_says_whose_wish_it_was(
    world: World, scope: Scope, whose: str
) -> None:
    user, sku = await world.user(), await world.product()
    caller = bearer(user if scope is Scope.CUSTOMER else "somebody", scope)
    for body, detail in (({}, f"cancelled by the {whose}"), ({"reason": "too dear"}, "too dear")):
        order_id = await world.place(sku, user=user, method="pm_sandbox_down")
        path = f"/v1/orders/{order_id}/cancel"
        answer = await world.http.post(path, json=body, headers=caller)
        assert answer.status_code in {200, 202}, answer.text
        await world.sagas_end(order_id)
        reason = (await world.order(order_id)).reason
        assert reason is not None
        assert (reason.code, reason.detail) == (f"cancelled_by_{whose}", detail)
