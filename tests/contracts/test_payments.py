"""The payment service's contract."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.base import Money
from contracts.payments import (
    ChargePayment,
    GiveBack,
    Kept,
    PaymentService,
    PaymentStatus,
)
from saga.participant import Compensated, NotFound, Op, Rejected, State, StepKey

AMOUNT = Money(minor=1250, currency="EUR")
_numbers = itertools.count(1)


def charge(method: str = "pm_card_visa") -> tuple[StepKey, ChargePayment]:
    """A new order's charge. The provider remembers keys, so no two tests share an order."""
    order_id = f"ord_contract_{next(_numbers)}"
    command = ChargePayment(order_id=order_id, amount=AMOUNT, payment_method=method)
    return StepKey(saga_id=f"order-{order_id}", step="charge"), command


async def test_a_charge_captures_once(payments: PaymentService) -> None:
    key, command = charge()
    first = await payments.charge(key, command)
    assert (first.status, first.amount) == (PaymentStatus.CAPTURED, AMOUNT)
    assert await payments.charge(key, command) == first
    assert await payments.for_order(command.order_id) == first


async def test_a_declined_card_is_a_rejection(payments: PaymentService) -> None:
    key, command = charge("pm_card_visa_chargeDeclined")
    with pytest.raises(Rejected) as refused:
        await payments.charge(key, command)
    assert (type(refused.value), refused.value.code) == (Rejected, "generic_decline")
    assert (await payments.for_order(command.order_id)).status == PaymentStatus.DECLINED


async def test_a_refund_gives_back_once(payments: PaymentService) -> None:
    key, command = charge()
    await payments.charge(key, command)
    first = await payments.refund(key, command)
    assert first.status == PaymentStatus.REFUNDED
    assert await payments.refund(key, command) == first
    with pytest.raises(Compensated):
        await payments.charge(key, command)


async def test_a_refund_that_comes_first_refuses_the_charge(payments: PaymentService) -> None:
    key, command = charge()
    assert (await payments.refund(key, command)).status == PaymentStatus.VOIDED
    with pytest.raises(Compensated):
        await payments.charge(key, command)


async def test_only_captured_money_is_given_back(payments: PaymentService) -> None:
    key, command = charge()
    back = GiveBack(order_id=command.order_id, amount=AMOUNT)
    returning = StepKey(saga_id=f"return-{command.order_id}", step="refund")
    with pytest.raises(Rejected) as refused:
        await payments.give_back(returning, back)
    assert refused.value.code == "nothing_to_return"
    await payments.charge(key, command)
    given = await payments.give_back(returning, back)
    assert given.status == PaymentStatus.REFUNDED
    assert await payments.give_back(returning, back) == given
    assert await payments.fence_give_back(returning) is True


async def test_a_fence_refuses_what_has_not_begun(payments: PaymentService) -> None:
    key, command = charge()
    await payments.charge(key, command)
    returning = StepKey(saga_id=f"return-{command.order_id}", step="refund")
    assert await payments.fence_give_back(returning) is False
    with pytest.raises(Compensated):
        await payments.give_back(returning, GiveBack(order_id=command.order_id, amount=AMOUNT))


async def test_an_order_without_a_payment_is_not_found(payments: PaymentService) -> None:
    with pytest.raises(NotFound) as unknown:
        await payments.for_order("ord_without")
    assert unknown.value.code == "unknown_payment"


async def test_totals_are_by_status_and_the_steps_are_on_record(payments: PaymentService) -> None:
    (kept, command), (given_back, other) = charge(), charge()
    await payments.charge(kept, command)
    await payments.charge(given_back, other)
    await payments.refund(given_back, other)
    assert await payments.totals(PaymentStatus.CAPTURED) == [AMOUNT]
    assert await payments.totals(PaymentStatus.REFUNDED) == [AMOUNT]
    assert await payments.totals(PaymentStatus.VOIDED) == []
    found = {
        (recording.op, recording.state)
        for recording in await payments.list_step_records(given_back.saga_id)
    }
    assert found == {(Op.ACTION, State.COMPENSATED), (Op.COMPENSATION, State.DONE)}


async def test_what_is_captured_is_told_of_the_orders_that_are_asked_for(
    payments: PaymentService,
) -> None:
    (kept, mine), (given_back, other), (unasked, third) = charge(), charge(), charge()
    for key, command in ((kept, mine), (given_back, other), (unasked, third)):
        await payments.charge(key, command)
    await payments.refund(given_back, other)
    found = await payments.list_captured([mine.order_id, other.order_id, "ord_unknown"])
    assert [(row.order_id, row.amount) for row in found] == [(mine.order_id, AMOUNT)]
    assert 0 <= found[0].seconds < 60
    assert await payments.list_captured([]) == []


async def test_what_the_provider_keeps_is_told_of_payments_here(payments: PaymentService) -> None:
    (kept, mine), (given_back, other) = charge(), charge()
    await payments.charge(kept, mine)
    await payments.charge(given_back, other)
    await payments.refund(given_back, other)
    now = datetime.now(UTC)
    begin, end = now - timedelta(minutes=5), now + timedelta(minutes=5)
    items: list[Kept] = []
    cursor: str | None = None
    while True:
        page = await payments.kept_by_provider(begin, end, cursor)
        items += page.items
        if (cursor := page.next_cursor) is None:
            break
    found = {order.order_id: order for order in items}
    assert found[other.order_id].amount.minor == 0
    its = found[mine.order_id]
    assert (its.amount, its.known, its.saga_id) == (AMOUNT, True, kept.saga_id)
    assert (its.captured, its.payment, its.marked) == (AMOUNT, PaymentStatus.CAPTURED, True)
    assert await payments.kept_of(mine.order_id) == its
    assert await payments.kept_of("ord_unknown") is None
    assert await payments.kept_of(mine.order_id, its.intent_id) == its
    assert await payments.kept_of(other.order_id, its.intent_id) is None


async def test_a_saga_undoes_only_its_own_charge(payments: PaymentService) -> None:
    key, command = charge()
    captured = await payments.charge(key, command)
    foreign = replace(key, saga_id="copy")
    assert (await payments.refund(foreign, command)).status == PaymentStatus.VOIDED
    back = GiveBack(order_id=command.order_id, amount=AMOUNT)
    with pytest.raises(Rejected) as refused:
        await payments.give_back(replace(foreign, step="refund"), back)
    assert refused.value.code == "nothing_to_return"
    assert await payments.for_order(command.order_id) == captured


async def test_what_an_order_ended_without_is_given_back_once(payments: PaymentService) -> None:
    key, command = charge()
    intent_id = (await payments.charge(key, command)).intent_id
    assert intent_id is not None
    refund_id = await payments.settle(intent_id, command.order_id)
    assert await payments.settle(intent_id, command.order_id) == refund_id
    assert (await payments.for_order(command.order_id)).status == PaymentStatus.REFUNDED
    with pytest.raises(Rejected) as refused:
        await payments.settle(intent_id, "ord_of_another")
    assert refused.value.code == "not_ours"


async def test_a_charge_that_is_on_record_is_adopted_as_it_is(payments: PaymentService) -> None:
    key, command = charge()
    captured = await payments.charge(key, command)
    assert captured.intent_id is not None
    assert await payments.adopt(key, command, captured.intent_id) == captured
    foreign = replace(key, saga_id="copy")
    with pytest.raises(Rejected) as refused:
        await payments.adopt(foreign, command, captured.intent_id)
    assert refused.value.code == "not_adoptable"


async def test_payments_are_told_of_the_orders_that_are_asked_for(
    payments: PaymentService,
) -> None:
    key, command = charge()
    captured = await payments.charge(key, command)
    assert await payments.of_orders([command.order_id, "ord_unknown"]) == [captured]
    assert await payments.of_orders([]) == []
