"""How each kind of fault changes an attempt. A behaviour is wrapped around the attempt's body."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio.activity import Info
from temporalio.exceptions import ApplicationError

from saga import rejection
from saga.verify.faults import Fault
from saga.verify.groups import AFTER, BEFORE, LATE
from saga.verify.injection.run_state import END, Script, begun, ended, healed
from saga.verify.kinds import Kind, Way

Body = Callable[[], Awaitable[Any]]
HOUR = timedelta(hours=1)

# What a failing service asks for with Retry-After: it spares most of the attempts of an hour, and
# still has a step's patience (5 min) and a retriable call's (10 min) run out by more than one.
AGAIN = timedelta(minutes=4)
BEFORE_PARKED = 6  # of a second life, too


@dataclass(frozen=True)
class Attempt:
    """One attempt that a fault may strike. `number` counts all attempts at the site, from 1.

    `local` counts those on the fast path. `now` and `first` are when this one and the first were
    scheduled, by the server's clock. `info` is Temporal's of one on its queue.
    """

    script: Script
    fault: Fault
    number: int
    local: int
    now: datetime
    first: datetime
    body: Body
    info: Info | None = None

    def fire(self) -> None:
        """It strikes now."""
        self.script.fire(self.fault)

    @property
    def is_first_effect(self) -> bool:
        """Of its life: the first attempt, unless it failed by itself, before its effect."""
        return self.number == 1 or self.fault not in self.script.fired

    async def held(self, milestone: str) -> None:
        """Stand still until then."""
        self.fire()
        await self.script.until(milestone)
        self.script.say(f"{self.fault.site} attempt {self.number} goes on")


Behaviour = Callable[[Attempt], Awaitable[Any]]


def down(after: timedelta | None = None) -> ApplicationError:
    """What a service that is away looks like to Temporal."""
    return ApplicationError("injected", type="Unavailable", next_retry_delay=after)


async def fails_once(it: Attempt) -> Any:
    """Before its effect."""
    if it.number == 1:
        it.fire()
        raise down()
    return await it.body()


async def fails_an_hour(it: Attempt) -> Any:
    """By the server's clock."""
    if it.now - it.first < HOUR:
        it.fire()
        raise down(AGAIN)
    return await it.body()


async def fails_for_ever(it: Attempt) -> Any:
    """Until it is healed."""
    it.fire()
    await _operator(it)
    raise down(AGAIN)


async def is_rejected(it: Attempt) -> Any:
    """Until it is healed."""
    it.fire()
    raise rejection("injected", "refused by the verifier")


async def refused(it: Attempt) -> Any:
    """Something has changed since the saga began, and its service says so."""
    if it.number == 1:
        it.fire()
        await it.script.stage.refuse(it.fault.site.activity)
    return await it.body()


async def reply_lost(it: Attempt) -> Any:
    """Its effect lands."""
    reply = await it.body()
    if it.is_first_effect:
        it.fire()
        raise down()
    return reply


async def replies_lost(it: Attempt) -> Any:
    """Its effect lands, and nobody hears of it."""
    await it.body()
    it.fire()
    await _operator(it)
    raise down(AGAIN)


async def _operator(it: Attempt) -> None:
    """Once the step is parked, wait for the operator: skipped time would fill with attempts."""
    if it.number - it.local > BEFORE_PARKED:
        await it.script.until(healed(it.fault.site))


async def done_by_hand(it: Attempt) -> Any:
    """Refused, and somebody does its work elsewhere, so that an operator need not have it retried.

    The body stands for that somebody.
    """
    await it.body()
    it.fire()
    raise rejection("injected", "refused by the verifier")


async def twice(it: Attempt) -> Any:
    """One delivery after the other."""
    it.fire()
    await it.body()
    return await it.body()


async def at_once(it: Attempt) -> Any:
    """Both deliveries side by side; the attempt fails only if both do."""
    it.fire()
    replies = await asyncio.gather(it.body(), it.body(), return_exceptions=True)
    good = [reply for reply in replies if not isinstance(reply, BaseException)]
    for reply in replies:
        if not good and isinstance(reply, BaseException):
            raise reply
    return good[0]


async def slow_before(it: Attempt) -> Any:
    """Held past its time-out, until its retry runs beside it."""
    if it.number == 1:
        await it.held(begun(it.fault.site, 2))
    return await it.body()


async def slow_after(it: Attempt) -> Any:
    """Its reply is held past its time-out."""
    reply = await it.body()
    if it.is_first_effect:
        await it.held(begun(it.fault.site, it.number + 1))
    return reply


async def overtaken(it: Attempt) -> Any:
    """A zombie: the retry does the work, and the first attempt lands when all is over."""
    if it.number == 1:
        await it.held(END)
    return await it.body()


async def late_patience(it: Attempt) -> Any:
    """A zombie, and every retry fails until the step's patience is out."""
    if it.number > 1:
        raise down(AGAIN)
    await it.held(END)
    return await it.body()


async def late_refused(it: Attempt) -> Any:
    """A zombie, and its retry is refused."""
    if it.number > 1:
        raise rejection("injected", "refused by the verifier")
    await it.held(END)
    return await it.body()


async def late(it: Attempt) -> Any:
    """The customer cancels while the attempt is on its way; it lands all the same."""
    if it.number == 1:
        await it.script.stage.ask(it.script.stage.usual_way)
        await it.held(_milestone(it))
    return await it.body()


def _milestone(it: Attempt) -> str:
    if it.fault.kind is Kind.LATE_END:
        return END
    undoing = it.script.undoing_of(it.fault.site)
    return begun(undoing) if it.fault.kind is Kind.LATE_UNDOING else ended(undoing)


async def cancelled_before(it: Attempt) -> Any:
    """The cancel is processed before the attempt has its effect."""
    await _ask(it, BEFORE.get(it.fault.kind, ()))
    return await it.body()


async def cancelled_after(it: Attempt) -> Any:
    """The cancel is processed between the effect and the reply."""
    reply = await it.body()
    await _ask(it, AFTER.get(it.fault.kind, ()))
    return reply


async def _ask(it: Attempt, ways: Sequence[Way]) -> None:
    """Once in each life."""
    if it.is_first_effect:
        it.fire()
        for way in ways:
            await it.script.stage.ask(way)


BEHAVIOURS: dict[StrEnum, Behaviour] = {
    Kind.FAILS_ONCE: fails_once,
    Kind.FAILS_AN_HOUR: fails_an_hour,
    Kind.FAILS_FOR_EVER: fails_for_ever,
    Kind.DEADLINE: fails_for_ever,
    Kind.REJECTED: is_rejected,
    Kind.REFUSED: refused,
    Kind.REPLY_LOST: reply_lost,
    Kind.REPLIES_LOST: replies_lost,
    Kind.MARKED_DONE: done_by_hand,
    Kind.SKIPPED: done_by_hand,
    Kind.TWICE: twice,
    Kind.AT_ONCE: at_once,
    Kind.SLOW_BEFORE: slow_before,
    Kind.SLOW_AFTER: slow_after,
    Kind.OVERTAKEN: overtaken,
    Kind.LATE_PATIENCE: late_patience,
    Kind.LATE_REFUSED: late_refused,
    **dict.fromkeys(LATE, late),
    **dict.fromkeys(BEFORE, cancelled_before),
    **dict.fromkeys(AFTER, cancelled_after),
}
