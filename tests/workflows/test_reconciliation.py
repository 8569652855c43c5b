"""Confirmed orders and their money: adopted if it was lost, named if it is missing, never taken.

And refunds that failed days after they had succeeded.
"""

from datetime import timedelta

import pytest

from contracts.base import Money
from contracts.names import workflow_id
from contracts.payments import Payment, PaymentStatus
from tests.support.gates import BEFORE
from tests.support.ledgers import (
    at_the_provider,
    audit_ledger,
    close,
    execute,
    made_before,
    outcomes,
    why,
)
from tests.support.returns import ask, confirmed, handle, is_returned
from tests.support.waiting import until
from tests.support.world import World


@pytest.mark.parametrize("back_to", ["before the charge", "amid the charge"])
async def test_a_payment_that_its_database_lost_is_adopted_and_can_be_returned(
    world: World, back_to: str
) -> None:
    order, sku = await confirmed(world)
    url, saga_id = world.databases.payment_database_url, workflow_id(order.id)
    if back_to == "before the charge":
        await execute(url, "DELETE FROM payments WHERE order_id = :its", its=order.id)
        await execute(url, "DELETE FROM barrier WHERE saga_id = :its", its=saga_id)
    else:
        row = "UPDATE payments SET status = 'created' WHERE order_id = :its"
        await execute(url, row, its=order.id)
        open_again = "UPDATE barrier SET state = 'started', reply = NULL WHERE saga_id = :its"
        await execute(url, open_again, its=saga_id)
    seen = await audit_ledger(world, repair=False)
    assert why(seen, order.id) == ["unadopted"]
    report = await audit_ledger(world)
    assert outcomes(report, order.id) == ["adopted"]
    assert await world.provider.fetch_moved(order.id) == (1000, 0)
    assert why(await audit_ledger(world), order.id) == []
    assert await ask(world, order) == 202
    await handle(world, order).result()
    await is_returned(world, order, sku)


@pytest.mark.parametrize("minor", [1000, 1], ids=["all", "a part"])
@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=3)], ids=["new", "old"])
async def test_a_confirmed_order_that_was_refunded_by_hand_is_named_and_left(
    world: World, age: timedelta, minor: int
) -> None:
    order, _ = await confirmed(world)
    payment = await world.services.payments.for_order(order.id)
    made_before(world, "intents", str(payment.intent_id), age)
    form = {"payment_intent": payment.intent_id, "amount": minor}
    await at_the_provider(world, "/v1/refunds", **form)
    report = await audit_ledger(world)
    assert (why(report, order.id), outcomes(report, order.id)) == (["missing"], ["reported"])
    (found,) = [placed for placed in report.ledger if placed.order_id == order.id]
    assert (found.intent_id, found.amount.minor) == (payment.intent_id, minor)
    assert await world.provider.fetch_moved(order.id) == (1000, minor)
    assert (await world.order(order.id)).status == "confirmed"


async def test_a_charge_that_somebody_completed_by_hand_is_named_until_it_is_made(
    world: World,
) -> None:
    """`temporal activity complete` with a made-up result: confirmed, and nothing was charged."""
    world.fast_path = False
    order_id, _, gate = await world.stopped_at("payment.charge", BEFORE)
    described = (await world.handle(order_id).describe()).raw_description
    (pending,) = described.pending_activities
    made_up = Payment(
        order_id=order_id,
        status=PaymentStatus.CAPTURED,
        amount=Money(minor=1000, currency="EUR"),
        intent_id="pi_made_up",
    )
    await world.client.get_async_activity_handle(
        workflow_id=workflow_id(order_id), run_id=None, activity_id=pending.activity_id
    ).complete(made_up)
    await world.sagas_end(order_id)
    assert (await world.order(order_id)).status == "confirmed"
    report = await audit_ledger(world)
    assert (why(report, order_id), outcomes(report, order_id)) == (["missing"], ["reported"])
    (found,) = [order for order in report.ledger if order.order_id == order_id]
    assert (found.intent_id, found.amount.minor) == ("none", 1000)
    await gate.open()  # the attempt that was held up charges after all

    async def charged() -> bool:
        return await world.provider.fetch_moved(order_id) == (1000, 0)

    await until(charged)
    assert why(await audit_ledger(world), order_id) == []


@pytest.mark.parametrize("days", [0, 20])
async def test_a_refund_that_failed_after_the_return_is_named_and_made_again(
    world: World, days: int
) -> None:
    order, sku = await confirmed(world)
    assert await ask(world, order) == 202
    await handle(world, order).result()
    await is_returned(world, order, sku)
    payment = await world.services.payments.for_order(order.id)
    await at_the_provider(world, f"/refunds/{payment.refund_id}/fail")
    for table, its in (("intents", payment.intent_id), ("refunds", payment.refund_id)):
        made_before(world, table, str(its), timedelta(days=days))
    report = await audit_ledger(world)
    assert why(report, order.id) == ["refund_failed"]
    assert outcomes(report, order.id) == ["refunded"]
    again = await world.services.payments.for_order(order.id)
    assert (again.status, again.refund_id != payment.refund_id) == ("refunded", True)
    assert await world.provider.fetch_moved(order.id) == (1000, 1000)
    assert why(await audit_ledger(world), order.id) == []


async def test_a_refund_that_keeps_failing_is_named_and_left(world: World) -> None:
    order, _ = await confirmed(world)
    await close(world, order.id, "cancelled")
    for expected in ("refunded", "refunded", "refunded", "reported"):
        assert outcomes(await audit_ledger(world), order.id) == [expected]
        payment = await world.services.payments.for_order(order.id)
        await at_the_provider(world, f"/refunds/{payment.refund_id}/fail")
    assert await world.provider.fetch_moved(order.id) == (1000, 0)
