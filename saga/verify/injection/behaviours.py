"""How each kind of fault changes an attempt. A behaviour is wrapped around the attempt's body."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.exceptions import ApplicationError

from saga import rejection
from saga.verify.groups import AFTER, BEFORE, LATE
from saga.verify.injection.attempt import Attempt, Behaviour
from saga.verify.injection.run_state import (
    END,
    milestone_of_attempt,
    milestone_of_healing,
    milestone_of_success,
)
from saga.verify.kinds import CancelSource, Kind

HOUR = timedelta(hours=1)

# What a failing service asks for with Retry-After: it spares most of the attempts of an hour, and
# still has a step's patience (5 min) and a retriable call's (10 min) run out by more than one.
AGAIN = timedelta(minutes=4)
BEFORE_PARKED = 6  # of a second life, too


def unavailable_error(after: timedelta | None = None) -> ApplicationError:
    """What a service that is away looks like to Temporal."""
    return ApplicationError("injected", type="Unavailable", next_retry_delay=after)


async def fails_once(attempt: Attempt) -> Any:
    """Before its effect."""
    if attempt.number == 1:
        attempt.fire()
        raise unavailable_error()
    return await attempt.body()


async def fails_an_hour(attempt: Attempt) -> Any:
    """By the server's clock."""
    if attempt.now - attempt.first < HOUR:
        attempt.fire()
        raise unavailable_error(AGAIN)
    return await attempt.body()


async def fails_for_ever(attempt: Attempt) -> Any:
    """Until it is healed."""
    attempt.fire()
    await _operator(attempt)
    raise unavailable_error(AGAIN)


async def is_rejected(attempt: Attempt) -> Any:
    """Until it is healed."""
    attempt.fire()
    raise rejection("injected", "refused by the verifier")


async def is_refused(attempt: Attempt) -> Any:
    """Something has changed since the saga began, and its service says so."""
    if attempt.number == 1:
        attempt.fire()
        await attempt.state.controller.refuse(attempt.fault.point.activity)
    return await attempt.body()


async def loses_reply(attempt: Attempt) -> Any:
    """Its effect lands."""
    reply = await attempt.body()
    if attempt.is_first_effect:
        attempt.fire()
        raise unavailable_error()
    return reply


async def loses_every_reply(attempt: Attempt) -> Any:
    """Its effect lands, and nobody hears of it."""
    await attempt.body()
    attempt.fire()
    await _operator(attempt)
    raise unavailable_error(AGAIN)


async def _operator(attempt: Attempt) -> None:
    """Once the step is parked, wait for the operator: skipped time would fill with attempts."""
    if attempt.number - attempt.local > BEFORE_PARKED:
        await attempt.state.until(milestone_of_healing(attempt.fault.point))


async def is_done_by_hand(attempt: Attempt) -> Any:
    """Refused, and somebody does its work elsewhere, so that an operator need not have it retried.

    The body stands for that somebody.
    """
    await attempt.body()
    attempt.fire()
    raise rejection("injected", "refused by the verifier")


async def is_delivered_twice(attempt: Attempt) -> Any:
    """One delivery after the other."""
    attempt.fire()
    await attempt.body()
    return await attempt.body()


async def is_delivered_at_once(attempt: Attempt) -> Any:
    """Both deliveries side by side; the attempt fails only if both do."""
    attempt.fire()
    replies = await asyncio.gather(attempt.body(), attempt.body(), return_exceptions=True)
    good = [reply for reply in replies if not isinstance(reply, BaseException)]
    for reply in replies:
        if not good and isinstance(reply, BaseException):
            raise reply
    return good[0]


async def is_slow_before(attempt: Attempt) -> Any:
    """Held past its time-out, until its retry runs beside it."""
    if attempt.number == 1:
        await attempt.hold_until(milestone_of_attempt(attempt.fault.point, 2))
    return await attempt.body()


async def is_slow_after(attempt: Attempt) -> Any:
    """Its reply is held past its time-out."""
    reply = await attempt.body()
    if attempt.is_first_effect:
        await attempt.hold_until(milestone_of_attempt(attempt.fault.point, attempt.number + 1))
    return reply


async def is_overtaken(attempt: Attempt) -> Any:
    """A zombie: the retry does the work, and the first attempt lands when all is over."""
    if attempt.number == 1:
        await attempt.hold_until(END)
    return await attempt.body()


async def lands_after_patience(attempt: Attempt) -> Any:
    """A zombie, and every retry fails until the step's patience is out."""
    if attempt.number > 1:
        raise unavailable_error(AGAIN)
    await attempt.hold_until(END)
    return await attempt.body()


async def lands_refused(attempt: Attempt) -> Any:
    """A zombie, and its retry is refused."""
    if attempt.number > 1:
        raise rejection("injected", "refused by the verifier")
    await attempt.hold_until(END)
    return await attempt.body()


async def lands_late(attempt: Attempt) -> Any:
    """The customer cancels while the attempt is on its way; it lands all the same."""
    if attempt.number == 1:
        await attempt.state.controller.ask(attempt.state.controller.usual_cancel_source)
        await attempt.hold_until(_milestone(attempt))
    return await attempt.body()


def _milestone(attempt: Attempt) -> str:
    if attempt.fault.kind is Kind.LATE_END:
        return END
    undoing = attempt.state.compensation_of(attempt.fault.point)
    return (
        milestone_of_attempt(undoing)
        if attempt.fault.kind is Kind.LATE_UNDOING
        else milestone_of_success(undoing)
    )


async def is_cancelled_before(attempt: Attempt) -> Any:
    """The cancel is processed before the attempt has its effect."""
    await _ask(attempt, BEFORE.get(attempt.fault.kind, ()))
    return await attempt.body()


async def is_cancelled_after(attempt: Attempt) -> Any:
    """The cancel is processed between the effect and the reply."""
    reply = await attempt.body()
    await _ask(attempt, AFTER.get(attempt.fault.kind, ()))
    return reply


async def _ask(attempt: Attempt, sources: Sequence[CancelSource]) -> None:
    """Once in each life."""
    if attempt.is_first_effect:
        attempt.fire()
        for source in sources:
            await attempt.state.controller.ask(source)


BEHAVIOURS: dict[StrEnum, Behaviour] = {
    Kind.FAILS_ONCE: fails_once,
    Kind.FAILS_AN_HOUR: fails_an_hour,
    Kind.FAILS_FOR_EVER: fails_for_ever,
    Kind.DEADLINE: fails_for_ever,
    Kind.REJECTED: is_rejected,
    Kind.REFUSED: is_refused,
    Kind.REPLY_LOST: loses_reply,
    Kind.REPLIES_LOST: loses_every_reply,
    Kind.MARKED_DONE: is_done_by_hand,
    Kind.SKIPPED: is_done_by_hand,
    Kind.TWICE: is_delivered_twice,
    Kind.AT_ONCE: is_delivered_at_once,
    Kind.SLOW_BEFORE: is_slow_before,
    Kind.SLOW_AFTER: is_slow_after,
    Kind.OVERTAKEN: is_overtaken,
    Kind.LATE_PATIENCE: lands_after_patience,
    Kind.LATE_REFUSED: lands_refused,
    **dict.fromkeys(LATE, lands_late),
    **dict.fromkeys(BEFORE, is_cancelled_before),
    **dict.fromkeys(AFTER, is_cancelled_after),
}
