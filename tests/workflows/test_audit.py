"""The audit: sagas that were ended from outside, wherever they stood, come to a true end."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError

from contracts.audits import AuditReport, AuditRequest
from contracts.names import Queue, return_id, workflow_id
from contracts.orphans import NOT_REPAIRED
from tests.api.test_idempotency import forget
from tests.support.gates import AFTER, BEFORE, Gate
from tests.support.waiting import until
from tests.support.world import World
from workflows.audit_orders import AuditOrders

ORDERS = 50  # in each of both modes
AT_ONCE = 25  # each holds a place of a worker until its gate opens
SEED = 20261124
FORWARD = (
    "order.create",
    "user.validate",
    "inventory.reserve",
    "payment.charge",
    "order.confirm",
    "inventory.commit",
)
BOUND = {("order.confirm", AFTER), ("inventory.commit", BEFORE), ("inventory.commit", AFTER)}


async def audited(world: World, *, repair: bool = True, audit_id: str = "") -> AuditReport:
    return await world.client.execute_workflow(
        AuditOrders.run,
        AuditRequest(grace=timedelta(), repair=repair),
        id=audit_id or f"audit-{uuid4()}",
        task_queue=Queue.ORDERS,
    )


async def terminated_at(world: World, activity: str, moment: str) -> tuple[str, str, Gate]:
    """An order that is terminated there: (order id, SKU, gate). What ran is held up at the gate."""
    order_id, sku, gate = await world.stopped_at(activity, moment)
    await world.handle(order_id).terminate("by mistake")
    world.gates.remove(workflow_id(order_id))
    return order_id, sku, gate


async def seen_by_visibility(world: World, saga_ids: set[str]) -> None:
    """Until all are listed as terminated, or have been carried on."""

    async def so() -> bool:
        query = "ExecutionStatus = 'Terminated'"
        return saga_ids <= {execution.id async for execution in world.client.list_workflows(query)}

    await until(so, within=60)


async def test_orders_terminated_anywhere_come_to_true_ends(world: World) -> None:
    dice = random.Random(SEED)
    points = [(dice.choice(FORWARD), dice.choice((BEFORE, AFTER))) for _ in range(ORDERS)]
    ends: dict[str, int] = defaultdict(int)
    for begin in range(0, ORDERS, AT_ONCE):
        for status in await ends_of(world, points[begin : begin + AT_ONCE]):
            ends[status] += 1
    assert sum(ends.values()) == ORDERS
    assert min(ends["confirmed"], ends["cancelled"]) >= 10


async def ends_of(world: World, points: Sequence[tuple[str, str]]) -> list[str]:
    """How orders end that are terminated there and audited, before what ran then goes on."""
    stopped = await asyncio.gather(*(terminated_at(world, *point) for point in points))
    saga_ids = {workflow_id(order_id) for order_id, _, _ in stopped}
    await seen_by_visibility(world, saga_ids)
    report = await audited(world)
    assert saga_ids <= {orphan.saga_id for orphan in report.orphans}
    await asyncio.gather(*(gate.open() for _, _, gate in stopped))  # late attempts land, or do not
    found = []
    for (order_id, sku, _), point in zip(stopped, points, strict=True):
        order = await world.order(order_id)
        expected = "confirmed" if point in BOUND else "cancelled"
        assert order.status == expected, f"{order_id}, terminated at {point}: {order}"
        await world.check_conserved(order, sku)
        found.append(str(order.status))
    again = await audited(world)
    assert saga_ids.isdisjoint(orphan.saga_id for orphan in again.orphans)
    return found


@pytest.mark.parametrize("activity", ["inventory.reserve", "payment.charge"])
async def test_an_order_whose_workflow_was_deleted_is_found_by_its_record(
    world: World, activity: str
) -> None:
    order_id, sku, gate = await world.stopped_at(activity, AFTER)
    world.gates.remove(workflow_id(order_id))
    await forget(world, order_id)
    report = await audited(world)
    assert ("missing", "cancelled") in {
        (repair.orphan.why, repair.status)
        for repair in report.repaired
        if repair.orphan.order_id == order_id
    }
    await gate.open()
    await world.check_conserved(await world.order(order_id), sku)


async def test_a_terminated_return_is_finished_once_its_refund_began(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    saga_id = return_id(order_id)
    gate = world.gates.close(saga_id, "payment.give_back", AFTER)
    await world.http.post(f"/v1/orders/{order_id}/return")
    await gate.wait_reached()
    await world.client.get_workflow_handle(saga_id).terminate("by mistake")
    world.gates.remove(saga_id)
    await seen_by_visibility(world, {saga_id})
    await audited(world)
    await gate.open()
    order = await world.order(order_id)
    assert order.status == "returned"
    await world.check_conserved(order, sku)


async def test_a_dry_run_changes_nothing(world: World) -> None:
    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    await seen_by_visibility(world, {workflow_id(order_id)})
    report = await audited(world, repair=False)
    assert order_id in {orphan.order_id for orphan in report.orphans}
    assert report.repaired == ()
    assert order_id in {order.order_id for order in report.named}
    assert (await world.order(order_id)).status == "pending"
    await audited(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


async def test_one_that_cannot_be_carried_on_holds_nobody_up(world: World) -> None:
    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    await seen_by_visibility(world, {workflow_id(order_id)})
    audit_id = f"audit-{uuid4()}"
    for_good = ApplicationError("no repair today", non_retryable=True)
    world.gates.refuse(audit_id, "audit.begin", for_good)
    report = await audited(world, audit_id=audit_id)
    assert {(repair.orphan.order_id, repair.status) for repair in report.repaired} >= {
        (order_id, NOT_REPAIRED)
    }
    await audited(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")
