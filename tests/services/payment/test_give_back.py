"""Giving money back as a step of a later saga: once, and never called off halfway."""

import asyncio
from itertools import count

import pytest

from contracts.payments import ChargePayment, GiveBack, PaymentStatus
from saga.participant import Compensated, NotFound, Rejected, StepKey, Unavailable
from tests.services.payment.stack import Crash, Stack, an_order, until_answered


def returning(command: ChargePayment, attempt: int = 1) -> tuple[StepKey, GiveBack]:
    """The step and command of a saga that returns this order."""
    key = StepKey(saga_id=f"return-{command.order_id}-{attempt}", step="refund_payment")
    return key, GiveBack(order_id=command.order_id, amount=command.amount)


async def charged(stack: Stack) -> tuple[StepKey, ChargePayment]:
    """A new order's captured payment."""
    order = an_order()
    await stack.payments.charge(*order)
    return order


async def test_twenty_at_once_give_back_once_with_one_answer(stack: Stack) -> None:
    _, command = await charged(stack)
    step = returning(command)
    attempts = (until_answered(lambda: stack.payments.give_back(*step)) for _ in range(20))
    replies = await asyncio.gather(*attempts)
    assert all(reply == replies[0] for reply in replies)
    assert replies[0].status == PaymentStatus.REFUNDED
    assert await stack.payments.for_order(command.order_id) == replies[0]
    assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_no_transaction_is_open_while_a_request_runs(stack: Stack) -> None:
    _, command = await charged(stack)
    stack.transport.transactions_seen.clear()
    await stack.payments.give_back(*returning(command))
    assert stack.transport.transactions_seen == [0] * 2


async def test_it_dies_at_any_point_and_gives_back_once_when_retried(stack: Stack) -> None:
    for point in count(1):
        _, command = await charged(stack)
        stack.disturbance.clear()
        stack.disturbance.crash_at = point
        try:
            await stack.payments.give_back(*returning(command))
        except Crash:
            stack.disturbance.clear()
        else:
            assert point > 10, "the points were not found"
            return
        begun = (await stack.row(command.order_id))["refund_key"] is not None
        if begun:
            assert await stack.payments.fence_give_back(returning(command)[0])
        given_back = await stack.payments.give_back(*returning(command))
        assert given_back.status == PaymentStatus.REFUNDED
        assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_a_lost_reply_is_unavailable_and_the_retry_finds_the_refund(stack: Stack) -> None:
    _, command = await charged(stack)
    async with stack.refund_reply_lost():
        with pytest.raises(Unavailable):
            await stack.payments.give_back(*returning(command))
    stack.sandbox.forget_idempotency_keys()
    given_back = await stack.payments.give_back(*returning(command))
    assert given_back.status == PaymentStatus.REFUNDED
    assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_a_fence_refuses_what_has_not_begun(stack: Stack) -> None:
    _, command = await charged(stack)
    key, give_back = returning(command)
    assert not await stack.payments.fence_give_back(key)
    with pytest.raises(Compensated):
        await stack.payments.give_back(key, give_back)
    assert await stack.entries(command.order_id) == ["capture"]
    again = await stack.payments.give_back(*returning(command, attempt=2))
    assert again.status == PaymentStatus.REFUNDED


async def test_a_fence_leaves_what_has_begun_while_the_request_is_on_its_way(stack: Stack) -> None:
    _, command = await charged(stack)
    key, give_back = returning(command)
    stood: list[bool] = []

    async def fence() -> None:
        stood.append(await stack.payments.fence_give_back(key))

    stack.disturbance.clear()
    stack.disturbance.visit("before POST /v1/refunds", fence)
    given_back = await stack.payments.give_back(key, give_back)
    assert (stood, given_back.status) == ([True], PaymentStatus.REFUNDED)


async def test_the_charge_stays_on_record_for_a_reset_of_its_own_saga(stack: Stack) -> None:
    key, command = an_order()
    captured = await stack.payments.charge(key, command)
    await stack.payments.give_back(*returning(command))
    assert await stack.payments.charge(key, command) == captured
    assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_money_goes_back_once_whichever_saga_asks(stack: Stack) -> None:
    key, command = await charged(stack)

    async def give_back(attempt: int) -> str:
        try:
            step = returning(command, attempt)
            return (await until_answered(lambda: stack.payments.give_back(*step))).status
        except Rejected as rejected:  # another one was faster
            return rejected.code

    async def refund() -> str:
        return (await until_answered(lambda: stack.payments.refund(key, command))).status

    answers = await asyncio.gather(*(item for n in range(5) for item in (give_back(n), refund())))
    assert set(answers) <= {"refunded", "nothing_to_return"}
    assert await stack.entries(command.order_id) == ["capture", "refund"]


@pytest.mark.parametrize("how", ["no payment", "declined", "refunded", "another amount"])
async def test_what_is_not_captured_cannot_be_given_back(stack: Stack, how: str) -> None:
    key, command = an_order("pm_card_visa_chargeDeclined" if how == "declined" else "pm_card_visa")
    wanted = returning(command)
    if how == "declined":
        with pytest.raises(Rejected):
            await stack.payments.charge(key, command)
    elif how != "no payment":
        await stack.payments.charge(key, command)
    if how == "refunded":
        await stack.payments.refund(key, command)
    if how == "another amount":
        less = command.amount.model_copy(update={"minor": 1})
        wanted = (wanted[0], wanted[1].model_copy(update={"amount": less}))
    before = await entries_or_none(stack, command.order_id)
    with pytest.raises(Rejected) as rejected:
        await stack.payments.give_back(*wanted)
    assert rejected.value.code == "nothing_to_return"
    assert await entries_or_none(stack, command.order_id) == before
    assert not await stack.payments.fence_give_back(wanted[0])


async def entries_or_none(stack: Stack, order_id: str) -> list[str]:
    try:
        await stack.payments.for_order(order_id)
    except NotFound:
        return []
    return await stack.entries(order_id)
