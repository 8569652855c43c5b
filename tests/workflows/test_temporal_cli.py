"""The `temporal` CLI on orders: what a user expects of list, show, cancel and reset."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.names import workflow_id
from contracts.orders import Order
from local_stack.temporal.server import program
from saga.step import activity_name
from saga.stretch.messages import STRETCH
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World
from workflows.place_order import PLACE_ORDER

NAMES = {activity_name(step.action): step.name for step in PLACE_ORDER}


async def temporal(world: World, *arguments: str) -> Any:
    """Run the CLI; its JSON, or None if it prints none. Fails if it fails."""
    process = await asyncio.create_subprocess_exec(
        *(str(program()), *arguments, "--address", world.address, "-o", "json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output) if output.strip() else None


async def run_id(world: World, order_id: str) -> str:
    return (await world.handle(order_id).describe()).run_id


async def events_of(world: World, order: Order) -> int:
    return len(await world.services.orders.history(order.id))


async def test_list_finds_orders_by_status_and_customer(world: World) -> None:
    sku, user = await world.product(), await world.user()
    order_id = await world.place(sku, user=user)
    await world.settled(order_id, sku, "confirmed")
    query = f"CustomerId = '{user}' AND OrderStatus = 'confirmed' AND SagaState = 'completed'"

    async def listed() -> bool:
        found = await temporal(world, "workflow", "list", "--query", query)
        return [row["execution"]["workflowId"] for row in found] == [workflow_id(order_id)]

    await until(listed)  # visibility lags behind the workflow


async def test_show_names_every_step(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    history = await temporal(world, "workflow", "show", "-w", workflow_id(order_id))
    steps = [step for event in history["events"] for step in steps_in(event)]
    assert [step for step in steps if step in NAMES.values()] == [*NAMES.values()]


def steps_in(event: dict[str, Any]) -> Iterator[str]:
    """What an event says: by its summary of one, and by its result of all of a stretch."""
    if "userMetadata" in event:
        yield json.loads(b64decode(event["userMetadata"]["summary"]["data"])).partition(":")[0]
    if "markerRecordedEventAttributes" in event:
        details = event["markerRecordedEventAttributes"]["details"]
        if read(details["data"])["activity_type"] == STRETCH:
            yield from (NAMES[made["activity"]] for made in read(details["result"])["clean"])


def read(payloads: dict[str, Any]) -> Any:
    """The one value that is in them."""
    return json.loads(b64decode(payloads["payloads"][0]["data"]))


async def test_query_tells_where_the_saga_stands(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    which = ("-w", workflow_id(order_id), "--type", "saga")
    answer = await temporal(world, "workflow", "query", *which)
    assert answer["queryResult"][0]["state"] == "completed"


async def test_cancel_undoes_an_order(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
    await temporal(world, "workflow", "cancel", "-w", workflow_id(order_id))
    order = await world.settled(order_id, sku, "cancelled")
    assert await world.provider.fetch_moved(order_id) == (order.total.minor, order.total.minor)
    await gate.open()


@pytest.mark.parametrize(
    ("method", "status"),
    [("pm_card_visa", "confirmed"), ("pm_card_visa_chargeDeclined", "rejected")],
)
async def test_a_finished_order_reset_to_its_first_task_runs_again_without_effect(
    world: World, method: str, status: str
) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method=method)
    order = await world.settled(order_id, sku, status)
    first_run, events = await run_id(world, order_id), await events_of(world, order)
    await reset(world, order_id)
    assert await run_id(world, order_id) != first_run
    assert await world.settled(order_id, sku, status) == order
    assert (await world.handle(order_id).result()).reason == order.reason
    assert await events_of(world, order) == events


async def test_a_late_cancel_is_not_replayed_early_by_a_reset(world: World) -> None:
    """Both kinds of cancel came after the pivot; a reset must not bring them before it."""
    order_id, sku, gate = await world.stopped_at("inventory.commit", BEFORE)
    await world.handle(order_id).cancel()
    assert (await world.http.post(f"/v1/orders/{order_id}/cancel")).status_code == 409
    await gate.open()
    order = await world.settled(order_id, sku, "confirmed")
    await reset(world, order_id)
    assert await world.settled(order_id, sku, "confirmed") == order


async def test_a_cancel_of_a_reset_confirmed_order_cannot_undo_what_is_binding(
    world: World,
) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    order = await world.settled(order_id, sku, "confirmed")
    gate = world.gates.close(workflow_id(order_id), "inventory.reserve", BEFORE)
    await reset(world, order_id)
    await gate.wait_reached()
    await world.handle(order_id).cancel()
    await gate.open()
    assert await world.settled(order_id, sku, "confirmed") == order


async def test_a_terminated_order_says_so_to_a_cancel_and_a_reset_repairs_it(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
    await world.handle(order_id).terminate()
    answer = await world.http.post(f"/v1/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "saga_terminated")
    await gate.open()
    await reset_ended(world, order_id)
    await world.settled(order_id, sku, "confirmed")


async def reset(world: World, order_id: str) -> None:
    """As an operator does it."""
    await _reset(world, order_id, "--type", "FirstWorkflowTask")


async def reset_ended(world: World, order_id: str) -> None:
    """The same for one that was ended from outside, maybe within its first task: see ADR 61."""
    await _reset(world, order_id, "--event-id", "4")


async def _reset(world: World, order_id: str, *where: str) -> None:
    which = ("-w", workflow_id(order_id), *where, "--reason", "a test")
    await temporal(world, "workflow", "reset", *which)
