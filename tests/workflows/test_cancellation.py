"""A cancel at every step, before and after its effect, by REST and by Temporal itself.

"Before" stops an attempt that has begun but has had no effect; the test lets it go on after the
saga has ended, so that every one of these is also a late attempt. "After" stops it with its effect
committed and its reply not yet delivered.
"""

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus

from contracts.names import workflow_id
from contracts.orders import Order
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World

BEFORE_PIVOT = ("order.create", "user.validate", "inventory.reserve", "payment.charge")
FROM_PIVOT_ON = ("order.confirm", "inventory.commit")
COMPENSATIONS = ("order.fence_confirm", "payment.refund", "inventory.release", "order.close")
MOMENTS = (BEFORE, AFTER)
WAYS = ("rest", "temporal")


async def cancel(world: World, order_id: str, way: str) -> int | None:
    """Ask for a cancel; the HTTP status if there is one."""
    if way == "rest":
        return (await world.http.post(f"/v1/orders/{order_id}/cancel")).status_code
    await world.handle(order_id).cancel()
    return None


async def ended_as(world: World, order: Order) -> WorkflowExecutionStatus | None:
    """How Temporal says that the workflow ended."""
    return (await world.handle(order.id).describe()).status


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("activity", BEFORE_PIVOT)
async def test_a_cancel_before_the_pivot_undoes_everything(
    world: World, activity: str, moment: str, way: str
) -> None:
    order_id, sku, gate = await world.stopped_at(activity, moment)
    assert await cancel(world, order_id, way) in {202, 200, None}
    order = await world.settled(order_id, sku, "cancelled")
    await gate.open()  # the stopped attempt comes late: it must change nothing
    assert await world.order(order_id) == order
    await world.check_conserved(order, sku)
    assert order.reason is not None
    assert order.reason.code == "cancelled_by_operator"  # who calls here; customers: tests/api
    ended = await ended_as(world, order)
    expected = "COMPLETED" if way == "rest" else "CANCELED"
    assert ended == WorkflowExecutionStatus[expected]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("activity", FROM_PIVOT_ON)
async def test_a_cancel_from_the_pivot_on_is_too_late_and_changes_nothing(
    world: World, activity: str, moment: str, way: str
) -> None:
    order_id, sku, gate = await world.stopped_at(activity, moment)
    assert await cancel(world, order_id, way) in {409, None}
    await gate.open()
    order = await world.settled(order_id, sku, "confirmed")
    assert await ended_as(world, order) == WorkflowExecutionStatus.COMPLETED


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("activity", COMPENSATIONS)
async def test_a_cancel_in_the_middle_of_compensating_does_not_stop_it(
    world: World, activity: str, moment: str, way: str
) -> None:
    declined = "pm_card_visa_chargeDeclined"
    order_id, sku, gate = await world.stopped_at(activity, moment, declined)
    assert await cancel(world, order_id, way) in {409, None}
    await gate.open()
    order = await world.settled(order_id, sku, "rejected")
    assert order.reason is not None
    assert order.reason.code == "generic_decline"


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
async def test_a_second_cancel_while_the_first_is_undone_refunds_once(
    world: World, first: str, second: str
) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
    refund = world.gates.close(workflow_id(order_id), "payment.refund", BEFORE)
    await cancel(world, order_id, first)
    await refund.wait_reached()
    await cancel(world, order_id, second)
    await refund.open()
    await gate.open()
    order = await world.settled(order_id, sku, "cancelled")
    assert await world.provider.fetch_moved(order_id) == (order.total.minor, order.total.minor)


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancel_while_the_provider_is_answering_refunds_the_charge(
    world: World, way: str
) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_slow")

    async def captured() -> bool:
        return (await world.provider.fetch_moved(order_id))[0] > 0

    await until(captured)
    await cancel(world, order_id, way)
    order = await world.settled(order_id, sku, "cancelled")
    assert await world.provider.fetch_moved(order_id) == (order.total.minor, order.total.minor)


async def test_a_cancelled_order_says_so_to_a_repeated_cancel(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    assert await cancel(world, order_id, "rest") in {202, 200}
    await world.settled(order_id, sku, "cancelled")
    assert await cancel(world, order_id, "rest") == 200
    await gate.open()


async def test_an_order_cancelled_before_any_worker_saw_it_leaves_a_record(world: World) -> None:
    """Temporal's cancel and the start reach the worker in one task."""
    sku = await world.product()
    order_id = world.next_order_id()
    gate = world.gates.close(workflow_id(order_id), "order.create", BEFORE)
    await world.place(sku)
    await world.handle(order_id).cancel()
    await world.settled(order_id, sku, "cancelled")
    if gate.reached.is_set():
        await gate.open()


async def test_a_cancel_is_answered_though_an_attempt_ends_in_the_same_moment(world: World) -> None:
    """The server gives an Update up whose workflow task failed for that; it is sent again."""
    user = await world.user()
    for number in range(15):
        sku = await world.product()
        order_id = await world.place(sku, user=user, method="pm_sandbox_down")
        await asyncio.sleep(number * 0.02)
        answer = await world.http.post(f"/v1/orders/{order_id}/cancel")
        assert answer.status_code in {200, 202}, answer.text
        await world.settled(order_id, sku, "cancelled")
