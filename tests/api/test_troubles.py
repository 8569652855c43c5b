"""A saga that does not answer is named with its way out, whatever the cause, and hides no other."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from typer import BadParameter

from api.dependencies import Backend
from api.temporal.order_memo import OrderMemo
from api.temporal.stuck_sagas import find_stuck
from api.temporal.troubles import Kind
from api.trouble.trouble_list import TroubleList
from api.trouble.trouble_watch import TroubleWatch
from cli.operate.reset_preview import reset_point
from console.dependencies import ConsoleBackend
from console.explanations import plan_resolution
from console.order_details import read_order_details
from console.pages.attention import _parts, list_waiting_steps
from console.pages.order import _view
from console.settings import Settings
from console.templating import part
from contracts.base import Money
from contracts.names import workflow_id
from contracts.orders import CreateOrder, OrderLine
from contracts.workflow_io import PlaceOrderInput
from saga import rejection
from saga.participant import StepKey, Unavailable
from tests.activities.test_executions import paused
from tests.support.gates import BEFORE
from tests.support.tokens import verifier
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited, terminated_at
from tests.workflows.test_blocked import blocked_refund, is_blocked

TASK = timedelta(seconds=1)  # of a workflow whose tasks fail


class Keyless(DefaultFailureConverter):
    """Reads no failure, as one that lacks the key that it is sealed by."""

    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        raise KeyError("the key is missing")


@pytest_asyncio.fixture
async def backend(world: World) -> AsyncIterator[Backend]:
    """What the console's pages are made of."""
    yield Backend.of(world.client, world.services, verifier(), "http://127.0.0.1:8233")


async def temporal(world: World, way_out: str) -> None:
    """Run the command of the Temporal CLI that a way out names, as it is printed."""
    words = shlex.split(way_out.partition("temporal ")[2].partition(";")[0].partition(", and")[0])
    command = [str(Path(sys.executable).parent / "temporal"), *words]
    assert f"--address {world.address}" in way_out
    env = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    ran = await asyncio.create_subprocess_exec(*command, env=env)
    assert await ran.wait() == 0, command


async def trouble(world: World, saga_id: str) -> dict[str, Any]:
    """What the API says of it, once it does."""
    found: dict[str, Any] = {}

    async def named() -> bool:
        for saga in await world.rest_items("/v1/sagas?attention=true&late=86400"):
            if saga["saga_id"] == saga_id:
                found.update(saga["trouble"])
        return bool(found)

    await until(named)
    return found


async def some_order(world: World) -> tuple[CreateOrder, str]:
    """An order that nobody has placed, and its product."""
    sku, price = await world.product(), Money(minor=500, currency="EUR")
    order = CreateOrder(
        order_id=f"ord_{uuid4().hex[:26]}",
        customer_id=await world.user(),
        items=(OrderLine(sku=sku, quantity=2, unit_price=price),),
        total=price * 2,
        payment_method="pm_card_visa",
    )
    return order, sku


async def all_lists_answer(world: World, backend: Backend, saga_id: str, why: str) -> None:
    """Everything that shows more than this one saga goes on, and what lists troubles names it."""
    for path in ("/v1/orders", "/v1/sagas?state=running", "/v1/sagas", "/v1/exposure"):
        await world.rest(path)
    rows = {saga.id: said for saga, said in await find_stuck(world.client, late=timedelta(0))}
    assert rows[saga_id].kind == why
    page = await _parts(backend)
    assert saga_id in str(page["troubles"])
    assert await backend.load_shedder.count_open()


async def test_a_paused_order_is_named_everywhere_and_goes_on_by_the_command_that_is_told(
    world: World, backend: Backend
) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    saga_id = workflow_id(order_id)
    await paused(world, saga_id)
    told = await trouble(world, saga_id)
    assert told["kind"] == "paused"
    await all_lists_answer(world, backend, saga_id, "paused")
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    assert (saga["state"], saga["trouble"]) == ("paused", told)
    assert (await world.rest(f"/v1/orders/{order_id}"))["status"] == "pending"
    refused = await world.http.post(f"/v1/orders/{order_id}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "saga_paused")
    case = await read_order_details(order_id, backend)
    assert case.troubles[0].way_out == told["way_out"]
    assert told["way_out"] in part(
        "order_parts.html",
        "sagas_part",
        case,
        _view(case, ConsoleBackend.extend(backend, Settings())),
    )
    await temporal(world, told["way_out"])
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_a_start_by_hand_that_is_no_order_is_named_and_removed_by_the_command_that_is_told(
    world: World, backend: Backend
) -> None:
    order_id = f"ord_{uuid4().hex[:26]}"
    saga_id = workflow_id(order_id)
    await world.client.start_workflow(
        "PlaceOrder", {}, id=saga_id, task_queue="orders", task_timeout=TASK
    )
    told = await trouble(world, saga_id)
    assert told["kind"] == "undecodable_input"
    await all_lists_answer(world, backend, saga_id, "undecodable_input")
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    assert (saga["state"], saga["trouble"]["way_out"]) == (told["kind"], told["way_out"])
    for method, path in (("GET", ""), ("POST", "/cancel")):
        answer = await world.http.request(method, f"/v1/orders/{order_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_order")
    await temporal(world, told["way_out"])

    async def gone() -> bool:
        return saga_id not in {saga.id for saga, _ in await find_stuck(world.client, late=None)}

    await until(gone)


async def test_an_order_whose_input_is_of_another_release_is_named_and_carried_on_from_its_record(
    world: World, backend: Backend
) -> None:
    order, sku = await some_order(world)
    order_id, saga_id = order.order_id, workflow_id(order.order_id)
    await world.services.orders.create(StepKey(saga_id=saga_id, step="create_order"), order)
    recorded = (await world.order(order_id)).created_at
    accepted = OrderMemo(order=order, fingerprint="of a request", accepted_at=recorded)
    await world.client.start_workflow(
        "PlaceOrder",
        order.model_dump(mode="json", exclude={"total"}),
        id=saga_id,
        task_queue="orders",
        task_timeout=TASK,
        memo={"accepted": accepted},
    )
    told = await trouble(world, saga_id)
    assert told["kind"] == "undecodable_input"
    await all_lists_answer(world, backend, saga_id, "undecodable_input")
    refused = await world.http.post(f"/v1/orders/{order_id}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "undecodable_input")
    await temporal(world, told["way_out"])
    await audited(world)
    await world.settled(order_id, sku, "cancelled")


async def test_an_activity_that_was_completed_by_hand_with_garbage_wedges_nothing(
    world: World,
) -> None:
    world.fast_path = False
    order_id, sku, gate = await world.stopped_at("inventory.reserve", BEFORE)
    world.fast_path = True
    world.gates.remove(workflow_id(order_id))
    await temporal(
        world,
        f"temporal activity complete -w {workflow_id(order_id)} --activity-id 3 --result '[null]' "
        f"--address {world.address}",
    )
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_only_the_words_that_a_blocked_step_takes_are_offered_with_what_they_mean(
    world: World,
) -> None:
    order_id, sku = await blocked_refund(world)
    steps = (await world.rest(f"/v1/orders/{order_id}/saga"))["steps"]
    (blocked,) = [step for step in steps if step["words"]]
    assert (blocked["name"], blocked["role"]) == ("charge_payment", "compensation")
    assert list(blocked["words"]) == ["retry", "mark_done", "skip"]
    assert "undone by other means" in blocked["words"]["mark_done"]
    assert await is_blocked(world, order_id)
    world.gates.allow(workflow_id(order_id))
    path = f"/v1/sagas/{workflow_id(order_id)}/steps/charge_payment/resolve"
    wrong = await world.http.post(path, json={"action": "retry", "role": "fence"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "step_not_blocked")
    right = await world.http.post(path, json={"action": "retry", "role": "compensation"})
    assert right.status_code == 202
    await world.settled(order_id, sku, "rejected")


async def test_a_fence_that_is_blocked_offers_only_to_be_asked_again(
    world: World, backend: Backend
) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    saga_id = workflow_id(order_id)
    world.gates.refuse(saga_id, "order.fence_confirm", rejection("no", "the table is away"))
    await world.place(sku, method="pm_card_visa_chargeDeclined")
    await until(lambda: is_blocked(world, order_id))
    steps = (await world.rest(f"/v1/orders/{order_id}/saga"))["steps"]
    (blocked,) = [step for step in steps if step["words"]]
    assert (blocked["name"], blocked["role"]) == ("confirm_order", "fence")
    assert list(blocked["words"]) == ["retry"]
    (waits,) = list_waiting_steps(await read_order_details(order_id, backend), saga_id)
    assert waits.actions == ["retry"]
    plan = plan_resolution(waits.case, waits.saga, waits.node, "retry")
    assert "binding" not in str(plan)
    path = f"/v1/sagas/{saga_id}/steps/confirm_order/resolve"
    for word in ("mark_done", "skip"):
        refused = await world.http.post(path, json={"action": word, "evidence": "it landed"})
        assert (refused.status_code, refused.json()["code"]) == (409, "retry_only")
    world.gates.allow(saga_id)
    assert (await world.http.post(path, json={"action": "retry"})).status_code == 202
    await world.settled(order_id, sku, "rejected")


@pytest.mark.parametrize("fast_path", [True, False], ids=["in-its-first-task", "later"])
async def test_a_terminated_order_is_finished_by_the_command_that_is_told(
    world: World, *, fast_path: bool
) -> None:
    """On the fast path all is one task, which is not completed: event 4 is where it broke off."""
    world.fast_path = fast_path
    order_id, sku, gate = await terminated_at(world, "payment.charge", BEFORE)
    world.fast_path = True
    told = await trouble(world, workflow_id(order_id))
    assert told["kind"] == "ended"
    await temporal(world, f"{told['way_out'].partition(' …')[0]} mistake")
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_healed_orders_hide_no_trouble_behind_them_however_few_are_asked_for(
    world: World,
) -> None:
    by_hand = workflow_id(f"ord_{uuid4().hex[:26]}")
    handle = await world.client.start_workflow(
        "PlaceOrder", {}, id=by_hand, task_queue="nobody-works-here"
    )
    await handle.terminate("by mistake")
    told = await trouble(world, by_hand)
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    await world.handle(order_id).terminate("by mistake")
    world.gates.remove(workflow_id(order_id))
    ended = await trouble(world, workflow_id(order_id))
    await temporal(world, f"{ended['way_out'].partition(' …')[0]} mistake")
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    (first,) = await world.rest_items("/v1/sagas?attention=true&late=86400&limit=1")
    assert first["saga_id"] != workflow_id(order_id)
    await temporal(world, told["way_out"])


async def test_a_saga_whose_failure_cannot_be_decoded_is_named_and_hides_no_other(
    world: World,
) -> None:
    waiting, other_sku, gate = await world.stopped_at("payment.charge", BEFORE)
    world.fast_path = False
    sku, failing = await world.product(), world.next_order_id()
    world.gates.refuse(workflow_id(failing), "inventory.reserve", Unavailable("away"))
    await world.place(sku)
    world.fast_path = True

    async def kinds(client: Client) -> list[str | None]:
        found = {saga.id: said.kind for saga, said in await find_stuck(client, late=timedelta(0))}
        return [found.get(workflow_id(order_id)) for order_id in (failing, waiting)]

    async def tried_again() -> bool:
        return await kinds(world.client) == ["retrying", "slow"]

    await until(tried_again)
    converter = replace(pydantic_data_converter, failure_converter_class=Keyless)
    keyless = await Client.connect(world.address, data_converter=converter)
    assert await kinds(keyless) == ["unknown_status", "slow"]
    counts = await TroubleWatch(TroubleList(keyless, world.services), timedelta(0)).look()
    assert counts[Kind.UNKNOWN] >= 1  # by which its alert fires
    world.gates.allow(workflow_id(failing))
    await gate.open()
    await world.settled(failing, sku, "confirmed")
    await world.settled(waiting, other_sku, "confirmed")


async def test_an_order_that_was_terminated_before_it_began_is_carried_on_by_the_audit(
    world: World,
) -> None:
    order, sku = await some_order(world)
    saga_id = workflow_id(order.order_id)
    how = PlaceOrderInput(**dict(order), fast_path=True)
    accepted = OrderMemo(order=order, fingerprint="of a request", accepted_at=datetime.now(UTC))
    handle = await world.client.start_workflow(
        "PlaceOrder", how, id=saga_id, task_queue="nobody-works-here", memo={"accepted": accepted}
    )
    await handle.terminate("by mistake")
    told = await trouble(world, saga_id)
    assert told["kind"] == "ended"
    assert "saga audit" in told["way_out"]
    with pytest.raises(BadParameter, match="saga audit"):
        reset_point(await handle.fetch_history(), "first")
    await audited(world)
    await world.settled(order.order_id, sku, "cancelled")
