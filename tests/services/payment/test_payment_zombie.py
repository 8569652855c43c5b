"""Attempts that were given up, and wake up when the world has moved on.

An attempt is paused at every point where it holds no lock of the database: around each
transaction and each request. What it does afterwards must change nothing that was settled.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from contracts.payments import Payment, PaymentStatus
from saga.participant import Compensated, ServiceError
from tests.services.payment.stack import Crash, Stack, an_order, die, until_answered

METHODS = ["pm_card_visa", "pm_sandbox_reply_lost", "pm_card_visa_chargeDeclined"]


@pytest.fixture(params=[False, True], ids=["clean", "in several statements"])
def several(request: pytest.FixtureRequest) -> bool:
    """Both ways."""
    return bool(request.param)


@pytest_asyncio.fixture
async def other(payment_database_url: str, stack: Stack) -> AsyncIterator[Stack]:
    """The same service in another worker."""
    made = Stack(payment_database_url, stack.sandbox)
    yield made
    await made.provider.close()
    await made.database.close()


class Pause:
    """Holds whoever comes to a point until somebody opens."""

    def __init__(self, stack: Stack, point: int) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        stack.disturbance.clear()
        stack.disturbance.visit(point, self._hold)

    async def _hold(self) -> None:
        self.reached.set()
        await self.opened.wait()

    async def or_end_of(self, attempt: asyncio.Task[Any]) -> bool:
        """Wait until the attempt is held here; False if it ended before."""
        held = asyncio.create_task(self.reached.wait())
        await asyncio.wait({held, attempt}, return_when=asyncio.FIRST_COMPLETED)
        held.cancel()
        return self.reached.is_set()


async def settled(attempt: Coroutine[Any, Any, Payment]) -> Payment | ServiceError:
    """The attempt's reply or its error."""
    try:
        return await attempt
    except ServiceError as error:
        return error


@pytest.mark.parametrize("method", METHODS)
async def test_a_charge_that_wakes_up_after_its_refund_keeps_nothing(
    stack: Stack, other: Stack, method: str
) -> None:
    for point in count(1):
        key, command = an_order(method)
        pause = Pause(stack, point)
        zombie = asyncio.create_task(settled(stack.payments.charge(key, command)))
        if not await pause.or_end_of(zombie):
            assert point > 7, "the points were not found"
            return
        undone = await other.payments.refund(key, command)
        settled_entries = await other.entries(command.order_id)
        pause.opened.set()
        await zombie
        assert await other.entries(command.order_id) == settled_entries
        await other.assert_nothing_kept(command.order_id)
        with pytest.raises(Compensated):
            await stack.payments.charge(key, command)
        assert await stack.payments.refund(key, command) == undone


async def test_a_charge_that_wakes_up_after_its_retry_captures_nothing_more(
    stack: Stack, other: Stack
) -> None:
    for point in count(1):
        key, command = an_order()
        pause = Pause(stack, point)
        zombie = asyncio.create_task(settled(stack.payments.charge(key, command)))
        if not await pause.or_end_of(zombie):
            assert point > 7, "the points were not found"
            return
        captured = await other.payments.charge(key, command)
        other.sandbox.forget_idempotency_keys()
        pause.opened.set()
        assert await zombie == captured
        assert await other.entries(command.order_id) == ["capture"]


async def test_a_refund_that_wakes_up_late_gives_back_nothing_more(
    stack: Stack, other: Stack
) -> None:
    for point in count(1):
        key, command = an_order()
        await other.payments.charge(key, command)
        pause = Pause(stack, point)
        zombie = asyncio.create_task(settled(stack.payments.refund(key, command)))
        if not await pause.or_end_of(zombie):
            assert point > 7, "the points were not found"
            return
        refunded = await other.payments.refund(key, command)
        other.sandbox.forget_idempotency_keys()
        pause.opened.set()
        assert await zombie == refunded
        assert await other.entries(command.order_id) == ["capture", "refund"]


@pytest.mark.parametrize("method", METHODS[:2])
@pytest.mark.parametrize("begun", [False, True], ids=["first-attempt", "retry"])
async def test_every_interleaving_of_a_charge_with_a_refund_keeps_nothing(
    stack: Stack, other: Stack, method: str, begun: bool
) -> None:
    """The charge runs to a point, the refund to one of its own, then the charge to its end."""
    for charge_at in count(1):
        for refund_at in count(1):
            order = an_order(method)
            if begun:
                await _die_before_confirming(other, lambda: other.payments.charge(*order))  # noqa: B023
            charge_pause, refund_pause = Pause(stack, charge_at), Pause(other, refund_at)
            charge = asyncio.create_task(settled(stack.payments.charge(*order)))
            charge_held = await charge_pause.or_end_of(charge)
            refund = asyncio.create_task(settled(other.payments.refund(*order)))
            refund_held = await refund_pause.or_end_of(refund)
            charge_pause.opened.set()
            await charge
            refund_pause.opened.set()
            await refund
            undone = await until_answered(lambda: other.payments.refund(*order))  # noqa: B023
            entries = await other.entries(order[1].order_id)
            given_back = undone.status == PaymentStatus.REFUNDED
            assert entries == (["capture", "refund"] if given_back else [])
            with pytest.raises(Compensated):
                await stack.payments.charge(*order)
            if not refund_held:
                break
        if not charge_held:
            return


async def _die_before_confirming(
    stack: Stack, attempt: Callable[[], Coroutine[Any, Any, Payment]]
) -> None:
    """Leave an intent that is stored and not confirmed."""
    stack.disturbance.clear()
    stack.disturbance.visit(r"before .*/confirm", die)
    with pytest.raises(Crash):
        await attempt()
    stack.disturbance.clear()
