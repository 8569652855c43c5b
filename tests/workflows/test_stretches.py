"""An order whose steps are attempted together: what its history, its API and the console tell."""

from functools import partial

import pytest
from temporalio.exceptions import ApplicationError

from activities.evidence import may_have_landed_unseen, went_past_the_pivot
from activities.executions import Execution, describe
from api.temporal import saga_gateway
from console.sources.activity_attempts import Result, read_tries
from contracts.names import workflow_id
from contracts.workflow_io import PlaceOrderInput
from saga.stretch.messages import STRETCH
from tests.support.gates import BEFORE
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_fast_path import ACTIONS, events, found_by, scheduled


@pytest.fixture(autouse=True)
def fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders have stretches, on the fast path."""
    stretched = partial(PlaceOrderInput, stretch=True)
    monkeypatch.setattr(saga_gateway, "PlaceOrderInput", stretched)


async def execution(world: World, order_id: str) -> Execution:
    """The order's workflow."""
    found = await describe(world.client, workflow_id(order_id))
    assert found is not None
    return found


async def attempts(world: World, order_id: str) -> list[int]:
    """How often each step was attempted, as the API tells."""
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    return [step["attempts"] for step in saga["steps"]]


async def test_a_clean_order_is_one_activity_of_which_each_step_is_told(world: World) -> None:
    for _ in range(2):  # the first order of a process opens connections, which may take long
        sku = await world.product()
        order_id = await world.place(sku)
        await world.settled(order_id, sku, "confirmed")
    found = await events(world, order_id)
    assert found["MARKER_RECORDED"] == found["WORKFLOW_TASK_COMPLETED"] == 1
    assert found.total() <= 7
    assert await found_by(world, order_id) == {
        "OrderStatus": "confirmed",
        "SagaState": "completed",
        "SagaStep": "commit_inventory",
    }
    assert await attempts(world, order_id) == [1] * len(ACTIONS)
    tries = await read_tries(world.client, workflow_id(order_id))
    assert [(attempt.activity, attempt.result) for attempt in tries] == [
        (activity, Result.DONE) for activity in ACTIONS
    ]
    assert all(row.began and row.ended and row.began <= row.ended for row in tries)
    assert await went_past_the_pivot(await execution(world, order_id))


async def test_a_business_no_is_not_asked_again(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    await world.settled(order_id, sku, "rejected")
    assert await scheduled(world, order_id) == []
    assert world.gates.started[workflow_id(order_id), "payment.charge"] == 1
    assert await attempts(world, order_id) == [1, 1, 1, 1, 0, 0]
    tries = await read_tries(world.client, workflow_id(order_id))
    (charge,) = [row for row in tries if row.activity == "payment.charge"]
    assert (charge.result, charge.error) == (Result.FAILED, "Your card was declined.")
    ended = await execution(world, order_id)
    assert not await went_past_the_pivot(ended)
    assert not await may_have_landed_unseen(ended)


@pytest.mark.parametrize("activity", ACTIONS)
async def test_what_fails_once_goes_on_where_people_see_it(world: World, activity: str) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    saga = workflow_id(order_id)
    world.gates.refuse(saga, activity, ApplicationError("away for a moment"))
    await world.place(sku, user=await world.user())

    async def waits_in_the_open() -> bool:
        description = await world.handle(order_id).describe()
        pending = description.raw_description.pending_activities
        return [row.activity_type.name for row in pending] == [activity]

    await until(waits_in_the_open)
    world.gates.allow(saga)
    await world.settled(order_id, sku, "confirmed")
    assert await scheduled(world, order_id) == [activity]


async def test_what_is_slow_goes_on_where_people_see_it_and_takes_effect_once(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("inventory.reserve", BEFORE)

    async def tried_again() -> bool:
        return world.gates.started[workflow_id(order_id), "inventory.reserve"] == 2

    await until(tried_again)
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    assert await scheduled(world, order_id) == ["inventory.reserve"]
    assert await attempts(world, order_id) == [1, 1, 2, 1, 1, 1]
    assert world.gates.started[workflow_id(order_id), STRETCH] == 1
