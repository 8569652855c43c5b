"""A refund that the provider refuses can be made later, once, though it keeps the refusal."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from contracts.payments import GiveBack, Payment, PaymentStatus
from saga.participant import Rejected, StepKey, Unavailable
from services.payment.provider.idempotency_keys import following
from tests.services.payment.stack import Crash, Stack, an_order, until_answered
from tests.support.waiting import until

KEPT = "pm_sandbox_return_refused"
Attempt = Callable[[], Awaitable[Payment]]


class Case:
    """A captured payment whose refund is refused, and both ways to ask for it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.key, self.command = an_order(KEPT)

    async def charge(self) -> None:
        """Capture it."""
        await self.stack.payments.charge(self.key, self.command)

    async def undo(self) -> Payment:
        """By the compensation of its own saga."""
        return await self.stack.payments.refund(self.key, self.command)

    async def give_back(self) -> Payment:
        """By a step of a later saga."""
        key = StepKey(saga_id=f"return-{self.command.order_id}", step="refund_payment")
        asked = GiveBack(order_id=self.command.order_id, amount=self.command.amount)
        return await self.stack.payments.give_back(key, asked)

    async def refused(self, attempt: Attempt) -> None:
        """An attempt that the provider refuses."""
        with pytest.raises(Rejected) as caught:
            await attempt()
        assert caught.value.code == "balance_insufficient"
        assert await self.entries() == ["capture"]

    async def entries(self) -> list[str]:
        """What moved its money."""
        return await self.stack.entries(self.command.order_id)

    async def first_key(self) -> str:
        """The refund's key before any refusal."""
        whose = (await self.stack.row(self.command.order_id))["installation"]
        return f"{whose}/{self.key.saga_id}/{self.key.step}/refund"

    async def refund_key(self) -> str:
        return str((await self.stack.row(self.command.order_id))["refund_key"])

    async def given_back_once(self, payment: Payment) -> None:
        assert payment.status == PaymentStatus.REFUNDED
        assert await self.entries() == ["capture", "refund"]
        assert await self.stack.payments.for_order(self.command.order_id) == payment


async def a_case(stack: Stack) -> Case:
    case = Case(stack)
    await case.charge()
    return case


def ways(case: Case) -> dict[str, Attempt]:
    return {"undo": case.undo, "give back": case.give_back}


WAYS = ("undo", "give back")


def test_keys_have_generations() -> None:
    assert following("order-ord_1/charge_payment/refund") == "order-ord_1/charge_payment/refund/2"
    assert (
        following("order-ord_1/charge_payment/refund/9") == "order-ord_1/charge_payment/refund/10"
    )


@pytest.mark.parametrize("way", WAYS)
async def test_a_refused_refund_succeeds_when_it_is_tried_again_later(
    stack: Stack, way: str
) -> None:
    case = await a_case(stack)
    attempt = ways(case)[way]
    await case.refused(attempt)
    await case.refused(attempt)
    stack.sandbox.fill_balance()
    done = await attempt()
    await case.given_back_once(done)
    assert await attempt() == done
    assert await case.refund_key() == following(following(await case.first_key()))


async def test_a_late_attempt_with_a_key_that_was_refused_refunds_nothing(stack: Stack) -> None:
    case = await a_case(stack)
    await case.refused(case.undo)
    stack.sandbox.fill_balance()
    intent_id = (await stack.payments.for_order(case.command.order_id)).intent_id
    assert intent_id is not None
    with pytest.raises(Rejected):
        await stack.provider.refund(intent_id, await case.first_key())
    assert await case.entries() == ["capture"]
    await case.given_back_once(await case.undo())


async def test_a_refusal_whose_reply_is_lost_is_heard_before_another_key_is_used(
    stack: Stack,
) -> None:
    case = await a_case(stack)
    first = await case.first_key()
    async with stack.refund_reply_lost():
        with pytest.raises(Unavailable):
            await case.undo()
    assert await case.refund_key() == first
    stack.sandbox.fill_balance()
    await case.refused(case.undo)  # what was stored
    assert await case.refund_key() == following(first)
    await case.given_back_once(await case.undo())


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_refund_by_a_later_key_whose_reply_is_lost_is_found(
    stack: Stack, *, forgotten: bool
) -> None:
    case = await a_case(stack)
    await case.refused(case.undo)
    stack.sandbox.fill_balance()
    async with stack.refund_reply_lost():
        with pytest.raises(Unavailable):
            await case.undo()
    if forgotten:
        stack.sandbox.forget_idempotency_keys()
    await case.given_back_once(await case.undo())


async def test_twenty_retries_at_once_refund_once_with_one_answer(stack: Stack) -> None:
    case = await a_case(stack)
    refused = (until_answered(case.undo) for _ in range(20))
    answers = await asyncio.gather(*refused, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Rejected}
    stack.sandbox.fill_balance()

    async def insist() -> Payment:
        while True:
            try:
                return await until_answered(case.undo)
            except Rejected:  # of a key that was moved on meanwhile
                continue

    done = await asyncio.gather(*(insist() for _ in range(20)))
    assert all(outcome == done[0] for outcome in done)
    await case.given_back_once(done[0])


async def test_the_balance_is_filled_while_twenty_try_by_both_ways(stack: Stack) -> None:
    case = await a_case(stack)

    async def insist(attempt: Attempt) -> Payment | None:
        while True:
            try:
                return await until_answered(attempt)
            except Rejected as refused:
                if refused.code != "balance_insufficient":
                    return None  # the other way was first
                await asyncio.sleep(0.01)

    first = await case.first_key()
    trying = [asyncio.create_task(insist(way)) for way in list(ways(case).values()) * 10]

    async def refused_twice() -> bool:
        return await case.refund_key() not in {
            "None",
            first,
            following(first),
        }

    await until(refused_twice)
    stack.sandbox.fill_balance()
    done = {item for item in await asyncio.gather(*trying) if item is not None}
    assert len(done) == 1
    await case.given_back_once(done.pop())


async def test_money_that_was_refunded_by_hand_meanwhile_is_not_refunded_again(
    stack: Stack,
) -> None:
    case = await a_case(stack)
    await case.refused(case.undo)
    stack.sandbox.fill_balance()
    intent_id = (await stack.payments.for_order(case.command.order_id)).intent_id
    by_hand = await stack.sandbox.post("/v1/refunds", payment_intent=intent_id)
    done = await case.undo()
    await case.given_back_once(done)
    assert done.refund_id == by_hand.json()["id"]


async def test_a_refund_by_hand_of_which_the_stored_refusal_tells_nothing_is_found(
    stack: Stack,
) -> None:
    case = await a_case(stack)
    async with stack.refund_reply_lost():
        with pytest.raises(Unavailable):
            await case.undo()
    stack.sandbox.fill_balance()
    intent_id = (await stack.payments.for_order(case.command.order_id)).intent_id
    await stack.sandbox.post("/v1/refunds", payment_intent=intent_id)
    await case.given_back_once(await case.undo())


async def test_a_refund_of_a_part_keeps_the_key(stack: Stack) -> None:
    """Somebody is at it by hand: it is for them to say what is to become of the rest."""
    case = await a_case(stack)
    async with stack.refund_reply_lost():
        with pytest.raises(Unavailable):
            await case.undo()
    before = await case.refund_key()
    stack.sandbox.fill_balance()
    intent_id = (await stack.payments.for_order(case.command.order_id)).intent_id
    await stack.sandbox.post("/v1/refunds", payment_intent=intent_id, amount=1)
    with pytest.raises(Rejected):
        await case.undo()
    assert await case.refund_key() == before


async def test_a_retry_that_dies_at_any_point_refunds_once_when_it_is_repeated(
    stack: Stack,
) -> None:
    for point in count(1):
        case = await a_case(stack)
        await case.refused(case.undo)
        stack.sandbox.fill_balance()
        if not await dies(stack, point, case.undo):
            assert point > 10, "the points were not found"
            return
        await case.given_back_once(await until_answered(case.undo))


async def test_a_refusal_that_dies_at_any_point_is_refused_and_retried(stack: Stack) -> None:
    for point in count(1):
        case = await a_case(stack)
        if not await dies(stack, point, case.undo):
            assert point > 10, "the points were not found"
            return
        stack.sandbox.fill_balance()
        try:
            done = await case.undo()
        except Rejected:  # the stored one, since it died before the key was moved on
            done = await case.undo()
        await case.given_back_once(done)


async def dies(stack: Stack, point: int, attempt: Attempt) -> bool:
    """Attempt once and die at this point; False if the attempt ended before."""
    stack.disturbance.clear()
    stack.disturbance.crash_at = point
    try:
        await attempt()
    except Crash:
        return True
    except Rejected:
        pass
    finally:
        stack.disturbance.clear()
    return False
