"""An audit of one order alone; and what audits left is named by the next ones until it is over."""

from datetime import timedelta
from uuid import uuid4

from contracts.audits import AuditReport, AuditRequest
from contracts.names import Queue, workflow_id
from tests.support.gates import AFTER
from tests.support.ledgers import (
    at_the_provider,
    audit_ledger,
    charged_by_hand,
    made_before,
    outcomes,
    why,
)
from tests.support.returns import ask, confirmed, handle
from tests.support.world import World
from tests.workflows.test_audit import seen_by_visibility, terminated_at
from workflows.audit_orders import AuditOrders

LONG = timedelta(days=3)


async def audit_order(world: World, order_id: str, *, repair: bool = True) -> AuditReport:
    return await world.client.execute_workflow(
        AuditOrders.run,
        AuditRequest(only=order_id, repair=repair),
        id=f"audit-{uuid4()}",
        task_queue=Queue.ORDERS,
    )


async def with_failed_refund(world: World) -> tuple[str, str]:
    """An order that was returned, whose refund failed later: (order id, SKU)."""
    order, sku = await confirmed(world)
    assert await ask(world, order) == 202
    await handle(world, order).result()
    payment = await world.services.payments.for_order(order.id)
    await at_the_provider(world, f"/refunds/{payment.refund_id}/fail")
    return order.id, sku


async def test_money_of_one_order_is_put_right_and_that_of_others_is_not_looked_at(
    world: World,
) -> None:
    (order_id, _), (other, _) = await with_failed_refund(world), await with_failed_refund(world)
    seen = await audit_order(world, order_id, repair=False)
    assert (why(seen, order_id), why(seen, other)) == (["refund_failed"], [])
    report = await audit_order(world, order_id)
    assert outcomes(report, order_id) == ["refunded"]
    assert (await audit_order(world, order_id)).left == 0
    assert outcomes(await audit_order(world, other), other) == ["refunded"]


async def test_a_saga_of_one_order_is_carried_on(world: World) -> None:
    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    report = await audit_order(world, order_id)
    assert [orphan.order_id for orphan in report.orphans] == [order_id]
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


async def test_an_order_with_a_return_that_is_right_is_found_right(world: World) -> None:
    order, _ = await confirmed(world)
    assert (await audit_order(world, order.id)).left == 0
    await ask(world, order)
    await handle(world, order).result()
    report = await audit_order(world, order.id)
    assert (report.found, report.kept, report.left) == (0, 0, 0)


async def test_of_an_order_that_there_is_not_the_audit_says_so(world: World) -> None:
    report = await audit_order(world, "ord_nosuchorder")
    assert "there is no order ord_nosuchorder" in report.named[0].what
    assert report.left == 1


async def test_money_that_an_audit_left_is_named_until_it_is_over(world: World) -> None:
    """However long ago it was taken: the next audits look back an hour."""
    order, _ = await confirmed(world)
    intent_id = await charged_by_hand(world, order.id)
    found = await audit_ledger(world)
    made_before(world, "intents", intent_id, LONG)
    first, second = await audit_ledger(world), await audit_ledger(world)
    assert why(found, order.id) == why(first, order.id) == why(second, order.id) == ["stray"]
    (late,) = [each for each in second.ledger if each.order_id == order.id]
    (early,) = [each for each in first.ledger if each.order_id == order.id]
    assert late.found_at == early.found_at is not None
    await at_the_provider(world, "/v1/refunds", payment_intent=intent_id)
    assert why(await audit_ledger(world), order.id) == []


async def test_a_saga_that_an_audit_left_keeps_its_date(world: World) -> None:
    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    await seen_by_visibility(world, {workflow_id(order_id)})
    found, again = [await audit_ledger(world, repair=False) for _ in range(2)]
    assert order_id in {orphan.order_id for orphan in found.orphans}
    (orphan,) = [each for each in again.orphans if each.order_id == order_id]
    assert orphan.found_at is not None
    await audit_ledger(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")
