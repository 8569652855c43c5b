"""An order whose steps are attempted together: what its history, its API and the console tell."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetActivityRequest
from temporalio.exceptions import ApplicationError

from activities.evidence import may_have_landed_unseen, went_past_the_pivot
from activities.executions import Execution, describe
from api.temporal.activity_attempts import Result, read_tries
from contracts.names import workflow_id
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_fast_path import ACTIONS, events, found_by, scheduled


@pytest.fixture(autouse=True)
def fast_path() -> None:
    """Tests here are of the one path only."""


async def execution(world: World, order_id: str) -> Execution:
    """The order's workflow."""
    found = await describe(world.client, workflow_id(order_id))
    assert found is not None
    return found


async def attempts(world: World, order_id: str) -> list[int]:
    """How often each step was attempted, as the API tells."""
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    return [step["attempts"] for step in saga["steps"]]


async def clean_order(world: World) -> str:
    """One of which no step was too slow for the fast path, as those of a busy machine may be."""
    order_id = ""

    async def in_time() -> bool:
        nonlocal order_id
        sku = await world.product()
        order_id = await world.place(sku)
        await world.settled(order_id, sku, "confirmed")
        found = await events(world, order_id)
        return (found["MARKER_RECORDED"], found["ACTIVITY_TASK_SCHEDULED"]) == (1, 0)

    await until(in_time)
    return order_id


async def test_a_clean_order_is_one_activity_of_which_each_step_is_told(world: World) -> None:
    order_id = await clean_order(world)
    found = await events(world, order_id)
    assert found["WORKFLOW_TASK_COMPLETED"] == 1
    assert found.total() <= 7
    info = (await world.handle(order_id).describe()).raw_description.workflow_execution_info
    assert 0 < info.history_size_bytes <= 4_096
    assert await found_by(world, order_id) == {
        "OrderStatus": "confirmed",
        "SagaState": "completed",
        "SagaStep": "commit_inventory",
    }
    assert await attempts(world, order_id) == [1] * len(ACTIONS)
    tries = await read_tries(world.client, world.handle(order_id))
    assert [(attempt.activity, attempt.result) for attempt in tries] == [
        (activity, Result.DONE) for activity in ACTIONS
    ]
    assert all(row.began and row.ended and row.began <= row.ended for row in tries)
    assert await went_past_the_pivot(await execution(world, order_id))


async def test_an_attempt_counts_when_it_has_begun_and_not_while_it_waits_for_its_turn(
    world: World,
) -> None:
    sku, user, order_id = await world.product(), await world.user(), world.next_order_id()
    saga, later = workflow_id(order_id), timedelta(minutes=1)
    world.gates.refuse(saga, "order.confirm", ApplicationError("away", next_retry_delay=later))
    await world.place(sku, user=user)

    async def waits_for_its_turn() -> bool:
        found = await execution(world, order_id)
        waiting = found.described.pending_activities if found.described else []
        return [activity.attempt for activity in waiting] == [2]

    await until(waits_for_its_turn)
    begun = world.gates.started[saga, "order.confirm"]
    assert begun == 2  # in the stretch, and on its queue
    assert await attempts(world, order_id) == [1, 1, 1, 1, begun, 0]
    world.gates.allow(saga)
    await world.client.workflow_service.reset_activity(
        ResetActivityRequest(
            namespace=world.client.namespace,
            execution=WorkflowExecution(workflow_id=saga),
            type="order.confirm",
        )
    )
    await world.settled(order_id, sku, "confirmed")


async def test_an_order_that_is_refused_tells_what_was_reached(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    await world.settled(order_id, sku, "rejected")
    assert await scheduled(world, order_id) == []
    assert world.gates.started[workflow_id(order_id), "payment.charge"] == 1
    assert await attempts(world, order_id) == [1, 1, 1, 1, 0, 0]
    tries = await read_tries(world.client, world.handle(order_id))
    (charge,) = [row for row in tries if row.activity == "payment.charge"]
    assert (charge.result, charge.error) == (Result.FAILED, "Your card was declined.")
    ended = await execution(world, order_id)
    assert not await went_past_the_pivot(ended)
    assert not await may_have_landed_unseen(ended)
