"""Others who start the same saga, audit it or pay it back, while an attempt is there."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from invariants.faults.groups import (
    AUDITS,
    BESIDE,
    BY_HAND,
    FOREIGN,
    PROVIDER,
    RESULTS,
    SET_BACK,
    SIGNALS,
    UPDATES,
)
from invariants.faults.kinds import OrderFaultKind
from saga.verify.injection.attempt import Attempt, Behaviour
from saga.verify.kinds import CancelSource

if TYPE_CHECKING:
    from invariants.faults.run_controller import OrderRunController


async def is_started_elsewhere(attempt: Attempt) -> Any:
    """Somebody starts the same under an id that is not its own."""
    if attempt.fault.kind is OrderFaultKind.FOREIGN_BEFORE:
        await _once(attempt, _controller(attempt).start_elsewhere(attempt.fault.kind))
        return await attempt.body()
    reply = await attempt.body()
    await _once(attempt, _controller(attempt).start_elsewhere(attempt.fault.kind))
    return reply


async def is_audited_beside(attempt: Attempt) -> Any:
    """An audit looks, and leaves a saga alone that goes on by itself."""
    controller, before = _controller(attempt), attempt.fault.kind is OrderFaultKind.AUDIT_BEFORE
    reply = None if before else await attempt.body()
    if attempt.is_first_effect:
        attempt.fire()
        asking = (
            [controller.ask(CancelSource.CUSTOMER)]
            if attempt.fault.kind is OrderFaultKind.AUDIT_CANCEL
            else []
        )
        await asyncio.gather(controller.look(), *asking)
    return await attempt.body() if before else reply


async def is_carried_on_by_audit(attempt: Attempt) -> Any:
    """The saga is terminated after this, and an audit carries it on: one, or two at once.

    Or it is reset when the audit has found it, which must then leave it alone.
    """
    reply = await attempt.body()
    if attempt.fault not in attempt.state.fired:
        attempt.fire()
        attempt.state.count_anew()
        controller, kind = _controller(attempt), attempt.fault.kind
        if kind is OrderFaultKind.AUDIT_RESET:
            await controller.end_and_reset_beside_an_audit()
        else:
            await controller.end_and_audit(2 if kind is OrderFaultKind.AUDIT_TWICE else 1)
    return reply


async def sets_database_back(attempt: Attempt) -> Any:
    """After its effect, a database is as it was before another one, or before this one."""
    reply = await attempt.body()
    if attempt.fault not in attempt.state.fired:
        attempt.fire()
        await _controller(attempt).set_back(attempt.fault)
    return reply


async def provider_fails(attempt: Attempt) -> Any:
    """One of the requests that it makes to the provider."""
    if attempt.number == 1:
        attempt.fire()
        await _controller(attempt).spoil(*PROVIDER[attempt.fault.kind])
    return await attempt.body()


async def is_refunded_by_hand(attempt: Attempt) -> Any:
    """Somebody who has the provider's dashboard gives money back."""
    reply = await attempt.body()
    await _once(
        attempt,
        _controller(attempt).refund_by_hand(part=attempt.fault.kind is OrderFaultKind.HAND_PART),
    )
    return reply


async def meets_hostile_update(attempt: Attempt) -> Any:
    """A customer cancels with a reason that nothing can keep."""
    await _once(attempt, _controller(attempt).cancel_for(UPDATES[attempt.fault.kind]))
    return await attempt.body()


async def meets_hostile_signal(attempt: Attempt) -> Any:
    """The same by a signal, which nobody can refuse."""
    await _once(attempt, _controller(attempt).signal_for(SIGNALS[attempt.fault.kind]))
    return await attempt.body()


async def is_completed_by_hand(attempt: Attempt) -> Any:
    """Somebody completes it by hand, with what it would never answer; then its own comes."""
    if attempt.number == 1 and attempt.info is not None:
        attempt.fire()
        result = (
            None
            if attempt.fault.kind is OrderFaultKind.NULL_RESULT
            else {"status": ["garbage"], "minor": {}}
        )
        await _controller(attempt).complete(attempt.info, result)
    return await attempt.body()


async def is_paused(attempt: Attempt) -> Any:
    """The workflow is paused; it goes on when the attempt has ended, and an audit has looked."""
    if attempt.number > 1:
        return await attempt.body()
    attempt.fire()
    await _controller(attempt).pause()
    reply = await attempt.body()
    _controller(attempt).beside(_controller(attempt).look_and_unpause())
    return reply


def _controller(attempt: Attempt) -> "OrderRunController":
    return cast("OrderRunController", attempt.state.controller)


async def _once(attempt: Attempt, work: Any) -> None:
    if attempt.fault in attempt.state.fired:
        work.close()
        return
    attempt.fire()
    await work


OTHERS: dict[StrEnum, Behaviour] = {
    **dict.fromkeys(FOREIGN, is_started_elsewhere),
    **dict.fromkeys(BESIDE, is_audited_beside),
    **dict.fromkeys(AUDITS, is_carried_on_by_audit),
    **dict.fromkeys(SET_BACK, sets_database_back),
    **dict.fromkeys(PROVIDER, provider_fails),
    **dict.fromkeys(BY_HAND, is_refunded_by_hand),
    **dict.fromkeys(UPDATES, meets_hostile_update),
    **dict.fromkeys(SIGNALS, meets_hostile_signal),
    **dict.fromkeys(RESULTS, is_completed_by_hand),
    OrderFaultKind.PAUSED: is_paused,
}
