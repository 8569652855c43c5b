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
from invariants.faults.kinds import Kind
from saga.verify.injection.behaviours import Attempt, Behaviour
from saga.verify.kinds import Way

if TYPE_CHECKING:
    from invariants.faults.stage import OrderStage


async def foreign(it: Attempt) -> Any:
    """Somebody starts the same under an id that is not its own."""
    if it.fault.kind is Kind.FOREIGN_BEFORE:
        await _once(it, _stage(it).start_elsewhere(it.fault.kind))
        return await it.body()
    reply = await it.body()
    await _once(it, _stage(it).start_elsewhere(it.fault.kind))
    return reply


async def looked_at(it: Attempt) -> Any:
    """An audit looks, and leaves a saga alone that goes on by itself."""
    stage, before = _stage(it), it.fault.kind is Kind.AUDIT_BEFORE
    reply = None if before else await it.body()
    if it.is_first_effect:
        it.fire()
        asking = [stage.ask(Way.CUSTOMER)] if it.fault.kind is Kind.AUDIT_CANCEL else []
        await asyncio.gather(stage.look(), *asking)
    return await it.body() if before else reply


async def audited(it: Attempt) -> Any:
    """The saga is terminated after this, and an audit carries it on: one, or two at once.

    Or it is reset when the audit has found it, which must then leave it alone.
    """
    reply = await it.body()
    if it.fault not in it.script.fired:
        it.fire()
        it.script.count_anew()
        stage, kind = _stage(it), it.fault.kind
        if kind is Kind.AUDIT_RESET:
            await stage.end_and_reset_beside_an_audit()
        else:
            await stage.end_and_audit(2 if kind is Kind.AUDIT_TWICE else 1)
    return reply


async def set_back(it: Attempt) -> Any:
    """After its effect, a database is as it was before another one, or before this one."""
    reply = await it.body()
    if it.fault not in it.script.fired:
        it.fire()
        await _stage(it).set_back(it.fault)
    return reply


async def provider_fails(it: Attempt) -> Any:
    """One of the requests that it makes to the provider."""
    if it.number == 1:
        it.fire()
        await _stage(it).spoil(*PROVIDER[it.fault.kind])
    return await it.body()


async def refunded(it: Attempt) -> Any:
    """Somebody who has the provider's dashboard gives money back."""
    reply = await it.body()
    await _once(it, _stage(it).refund_by_hand(part=it.fault.kind is Kind.HAND_PART))
    return reply


async def hostile_update(it: Attempt) -> Any:
    """A customer cancels with a reason that nothing can keep."""
    await _once(it, _stage(it).cancel_for(UPDATES[it.fault.kind]))
    return await it.body()


async def hostile_signal(it: Attempt) -> Any:
    """The same by a signal, which nobody can refuse."""
    await _once(it, _stage(it).signal_for(SIGNALS[it.fault.kind]))
    return await it.body()


async def made_up(it: Attempt) -> Any:
    """Somebody completes it by hand, with what it would never answer; then its own comes."""
    if it.number == 1 and it.info is not None:
        it.fire()
        result = None if it.fault.kind is Kind.NULL_RESULT else {"status": ["garbage"], "minor": {}}
        await _stage(it).complete(it.info, result)
    return await it.body()


async def paused(it: Attempt) -> Any:
    """The workflow is paused; it goes on when the attempt has ended, and an audit has looked."""
    if it.number > 1:
        return await it.body()
    it.fire()
    await _stage(it).pause()
    reply = await it.body()
    _stage(it).beside(_stage(it).look_and_unpause())
    return reply


def _stage(it: Attempt) -> "OrderStage":
    return cast("OrderStage", it.script.stage)


async def _once(it: Attempt, work: Any) -> None:
    if it.fault in it.script.fired:
        work.close()
        return
    it.fire()
    await work


OTHERS: dict[StrEnum, Behaviour] = {
    **dict.fromkeys(FOREIGN, foreign),
    **dict.fromkeys(BESIDE, looked_at),
    **dict.fromkeys(AUDITS, audited),
    **dict.fromkeys(SET_BACK, set_back),
    **dict.fromkeys(PROVIDER, provider_fails),
    **dict.fromkeys(BY_HAND, refunded),
    **dict.fromkeys(UPDATES, hostile_update),
    **dict.fromkeys(SIGNALS, hostile_signal),
    **dict.fromkeys(RESULTS, made_up),
    Kind.PAUSED: paused,
}
