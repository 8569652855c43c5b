"""A process that dies between any two statements or requests loses no money and takes none twice.

Each test finds the points by itself: it dies at the first, the second, and so on, until an
attempt gets through. New statements and requests are covered without a change here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from contracts.payments import ChargePayment, Payment, PaymentStatus
from saga.participant import Compensated, Rejected, StepKey, Unavailable
from tests.services.payment.stack import Crash, Stack, an_order, die, until_answered

Order = tuple[StepKey, ChargePayment]
UNSPECTACULAR = "pm_card_visa"
UNKNOWN = "pm_sandbox_reply_lost"
DECLINED = "pm_card_visa_chargeDeclined"
DOWN = "pm_sandbox_down"


@pytest.fixture(params=[False, True], ids=["clean", "in several statements"])
def several(request: pytest.FixtureRequest) -> bool:
    """Both ways."""
    return bool(request.param)


async def dies(
    stack: Stack, point: int, attempt: Callable[[], Awaitable[Payment]], *, between: bool = False
) -> bool:
    """Attempt once and die at this point; False if the attempt ended before.

    `between` counts only the points between transactions and requests: what is durable changes
    nowhere else.
    """
    stack.disturbance.clear()
    if between:
        stack.disturbance.visit(point, die)
    else:
        stack.disturbance.crash_at = point
    try:
        await attempt()
    except Crash:
        return True
    except (Rejected, Unavailable):
        pass
    finally:
        stack.disturbance.clear()
    return False


async def dead_charges(stack: Stack, method: str) -> AsyncIterator[Order]:
    """Orders whose charge died: one at each point there is."""
    for point in count(1):
        key, command = an_order(method)
        if not await dies(stack, point, lambda: stack.payments.charge(key, command)):  # noqa: B023
            assert point > 7, "the points were not found"
            return
        yield key, command


async def assert_undone(stack: Stack, order: Order, undone: Payment) -> None:
    """The order is settled for good: no money kept, books agree, no late charge."""
    key, command = order
    entries = await stack.entries(command.order_id)
    assert entries == (["capture", "refund"] if undone.status == PaymentStatus.REFUNDED else [])
    with pytest.raises(Compensated):
        await stack.payments.charge(key, command)
    assert await stack.payments.refund(key, command) == undone
    assert await stack.entries(command.order_id) == entries


@pytest.mark.parametrize("method", [UNSPECTACULAR, UNKNOWN])
async def test_a_dead_charge_captures_once_when_retried(stack: Stack, method: str) -> None:
    async for key, command in dead_charges(stack, method):
        charged = await until_answered(lambda: stack.payments.charge(key, command))  # noqa: B023
        assert charged.status == PaymentStatus.CAPTURED
        assert await stack.entries(command.order_id) == ["capture"]
        assert (await stack.row(command.order_id))["intent_id"] == charged.intent_id


async def test_a_dead_declined_charge_is_declined_when_retried(stack: Stack) -> None:
    async for key, command in dead_charges(stack, DECLINED):
        with pytest.raises(Rejected) as rejected:
            await stack.payments.charge(key, command)
        assert rejected.value.code == "generic_decline"
        assert (await stack.row(command.order_id))["status"] == "declined"
        assert (await stack.payments.refund(key, command)).status == PaymentStatus.VOIDED


@pytest.mark.parametrize("method", [UNSPECTACULAR, UNKNOWN, DECLINED, DOWN])
async def test_a_dead_charge_is_undone_by_a_refund_that_dies_too(stack: Stack, method: str) -> None:
    """Every point between transactions and requests of the charge, every point of the refund."""
    for charge_dies_at in count(1):
        for refund_dies_at in count(1):
            order = an_order(method)
            dead = await dies(
                stack,
                charge_dies_at,
                lambda: stack.payments.charge(*order),  # noqa: B023
                between=True,
            )
            if not await dies(stack, refund_dies_at, lambda: stack.payments.refund(*order)):  # noqa: B023
                break
            await assert_undone(stack, order, await stack.payments.refund(*order))
        if not dead:
            assert charge_dies_at > 7, "the points were not found"
            return


async def test_a_dead_refund_gives_back_once_when_retried(stack: Stack) -> None:
    for point in count(1):
        order = an_order()
        await stack.payments.charge(*order)
        if not await dies(stack, point, lambda: stack.payments.refund(*order)):  # noqa: B023
            assert point > 10, "the points were not found"
            return
        refunded = await stack.payments.refund(*order)
        assert refunded.status == PaymentStatus.REFUNDED
        await assert_undone(stack, order, refunded)
