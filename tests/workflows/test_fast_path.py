"""The fast path: an order whose steps answer at once takes one workflow task; others take more.

What is told of the steps that are attempted together is in `test_stretches`.
"""

import asyncio
from collections import Counter

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from contracts.names import workflow_id
from saga.stretch.messages import STRETCH
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World

ACTIONS = (
    "order.create",
    "user.validate",
    "inventory.reserve",
    "payment.charge",
    "order.confirm",
    "inventory.commit",
)
UNDOING = ("order.fence_confirm", "payment.refund", "inventory.release", "order.close")


@pytest.fixture(autouse=True)
def fast_path() -> None:
    """Tests here are of the one path only."""


async def event_types(world: World, order_id: str) -> list[str]:
    """The types of the events of the order's history, in order."""
    history = await world.handle(order_id).fetch_history()
    return [
        EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events
    ]


async def events(world: World, order_id: str) -> Counter[str]:
    """How many events of each type the order's history has."""
    return Counter(await event_types(world, order_id))


async def scheduled(world: World, order_id: str) -> list[str]:
    """The activities that went to a queue, in order."""
    history = await world.handle(order_id).fetch_history()
    found = [event.activity_task_scheduled_event_attributes for event in history.events]
    return [row.activity_type.name for row in found if row.activity_type.name]


async def found_by(world: World, order_id: str) -> dict[str, str]:
    """Where the workflow's search attributes say that the saga stands."""
    found = (await world.handle(order_id).describe()).typed_search_attributes
    names = {"OrderStatus", "SagaState", "SagaStep"}
    return {row.key.name: str(row.value) for row in found if row.key.name in names}


async def test_a_business_no_is_not_asked_again_and_undoing_is_fast_too(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    await world.settled(order_id, sku, "rejected")
    assert (await events(world, order_id))["WORKFLOW_TASK_COMPLETED"] == 1
    assert await scheduled(world, order_id) == []
    assert world.gates.started[workflow_id(order_id), "payment.charge"] == 1


@pytest.mark.parametrize("activity", [*ACTIONS, *UNDOING])
async def test_what_fails_once_goes_on_where_people_see_it(world: World, activity: str) -> None:
    sku, user, order_id = await world.product(), await world.user(), world.next_order_id()
    saga = workflow_id(order_id)
    world.gates.refuse(saga, activity, ApplicationError("away for a moment"))
    declined = activity in UNDOING
    method = "pm_card_visa_chargeDeclined" if declined else "pm_card_visa"
    await world.place(sku, user=user, method=method)

    async def waits_in_the_open() -> bool:
        description = await world.handle(order_id).describe()
        pending = description.raw_description.pending_activities
        return [item.activity_type.name for item in pending] == [activity]

    await until(waits_in_the_open)
    shown = await found_by(world, order_id)
    assert shown["SagaState"] == ("compensating" if declined else "running")
    step = (await world.rest(f"/v1/orders/{order_id}/saga"))["steps"]
    assert shown.get("SagaStep", "") in {item["name"] for item in step}
    world.gates.allow(saga)
    await world.settled(order_id, sku, "rejected" if declined else "confirmed")
    assert await scheduled(world, order_id) == [activity]


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
async def test_what_is_slow_goes_on_where_people_see_it_and_takes_effect_once(
    world: World, moment: str
) -> None:
    order_id, sku, gate = await world.stopped_at("inventory.reserve", moment)

    async def tried_again() -> bool:
        return world.gates.started[workflow_id(order_id), "inventory.reserve"] == 2

    await until(tried_again)
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    assert await scheduled(world, order_id) == ["inventory.reserve"]
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    assert [step["attempts"] for step in saga["steps"]] == [1, 1, 2, 1, 1, 1]
    assert world.gates.started[workflow_id(order_id), STRETCH] == 1


async def test_without_the_fast_path_every_activity_goes_to_its_queue(world: World) -> None:
    sku = await world.product()
    world.fast_path = False
    try:
        order_id = await world.place(sku)
    finally:
        world.fast_path = True
    await world.settled(order_id, sku, "confirmed")
    assert await scheduled(world, order_id) == list(ACTIONS)
    assert (await events(world, order_id))["MARKER_RECORDED"] == 0


async def test_a_cancel_that_waits_for_the_task_that_confirms_is_too_late(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    asking = asyncio.create_task(world.http.post(f"/v1/orders/{order_id}/cancel"))
    await asyncio.wait({asking}, timeout=0.2)
    await gate.open()
    assert (await asking).json()["code"] == "too_late_to_cancel"
    await world.settled(order_id, sku, "confirmed")


async def test_past_the_pivot_a_pending_order_can_no_longer_be_cancelled(world: World) -> None:
    world.fast_path = False  # there, the answer waits for the pivot's
    try:
        order_id, sku, gate = await world.stopped_at("order.confirm", BEFORE)
    finally:
        world.fast_path = True
    answer = await world.http.post(f"/v1/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_late_to_cancel")
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_a_cancel_is_on_record_before_a_step_on_its_queue_is_undone(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_down")

    async def on_its_queue() -> bool:
        return await scheduled(world, order_id) == ["payment.charge"]

    await until(on_its_queue)
    await world.http.post(f"/v1/orders/{order_id}/cancel")
    await world.settled(order_id, sku, "cancelled")
    names = await event_types(world, order_id)
    since = names[names.index("WORKFLOW_EXECUTION_UPDATE_ACCEPTED") :]
    assert since.index("WORKFLOW_TASK_COMPLETED") < since.index("WORKFLOW_EXECUTION_COMPLETED")
    assert since.index("ACTIVITY_TASK_CANCEL_REQUESTED") < since.index("WORKFLOW_TASK_COMPLETED")
