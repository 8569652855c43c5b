"""What must succeed in the end: tried without limit, and parked until a person resolves it.

A duty parks when the service refuses it, or when it has failed for longer than the step's
`park_after`. Refused, it waits for an operator; failing, it is still retried, so that a
service that heals needs nobody. One whose last attempt was held back by a circuit breaker has not
failed: it waits, and is not parked; but whatever comes after it need not wait any longer.

What an operator may say depends on the duty's role. An action or a compensation may be done by
hand, or be given up. A question may not: nobody but the service knows the answer, so a word in its
place would be read as one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import FailureError

from saga.activity_execution import Attempts, What
from saga.messages import cause_of, held_back, is_final, is_rejection
from saga.step import UNTIL_DONE, Step

# Undoing goes ahead of new work in a backlog: 1 is first, and new work has the default of 3.
URGENT = Priority(priority_key=1)


class Resolving(StrEnum):
    """What an operator may say of a parked step."""

    RETRY = "retry"
    SKIP = "skip"
    MARK_DONE = "mark_done"


class Role(StrEnum):
    """What a duty is to its step."""

    ACTION = "action"
    COMPENSATION = "compensation"
    FENCE = "fence"
    PROBE = "probe"


WORDS_ON_RECORD = "words-on-record"  # a patch: a retry is put on record when it is said
QUESTIONS = (Role.FENCE, Role.PROBE)


@dataclass(frozen=True)
class Resolution:
    """An operator's word on a parked step. `evidence` says why it is true, `who` says it.

    `role` tells what of the step it is about; None: what is parked of it.
    """

    step: str
    action: Resolving
    evidence: str
    who: str
    role: Role | None = None


@dataclass(eq=False)
class RetriableCall:
    """One activity that must succeed. `changed(duty)` hears when it parks and when that ends.

    `refusable`: a refusal is an answer, and raised; it still parks when it fails for long.
    `recall` answers with what an operator said of it in an earlier life of the saga, instead of
    work: then it is not done again.
    """

    step: Step[Any, Any]
    role: Role
    what: What
    args: Sequence[Any]
    attempts: Attempts
    changed: Callable[["RetriableCall"], None]
    priority: Priority = Priority.default
    refusable: bool = False
    recall: Callable[[str], Awaitable[Resolution | None]] | None = None
    parked: str | None = field(default=None, init=False)
    set_aside: bool = field(default=False, init=False)  # nothing else waits for it any more
    resolution: Resolution | None = field(default=None, init=False)
    word: Resolution | None = field(default=None, init=False)  # said, and not taken up yet
    unrecorded: Resolution | None = field(default=None, init=False)  # taken up, not on record yet
    _first: bool = field(default=True, init=False)

    def words(self) -> list[Resolving]:
        """What an operator may say of it while it is parked."""
        if self.parked is None:
            return []
        return [Resolving.RETRY] if self.refusable or self.role in QUESTIONS else list(Resolving)

    async def fulfil(self) -> Any:
        """Its reply; None if an operator resolved it otherwise."""
        if await self._was_settled("begins"):
            return None
        try:
            return await self._insist()
        except asyncio.CancelledError:  # what runs beside it has failed; nobody resolves it now
            self.parked = self.word = None
            raise

    async def _insist(self) -> Any:
        while True:
            attempts = asyncio.create_task(self._try())
            attempts.add_done_callback(_look_at)
            try:
                await workflow.wait_condition(partial(self._done_or_told, attempts))
                if attempts.done():
                    refused = self._refused(attempts)
                    if self.parked is not None and await self._was_settled("is parked"):
                        return self._end(None)
                    if refused:
                        await workflow.wait_condition(lambda: self.word is not None)
            finally:
                attempts.cancel()  # one that is called off may land yet: the barrier's business
            if attempts.done() and not attempts.cancelled() and attempts.exception() is None:
                return self._end(attempts.result())
            if self.word is not None:
                self.resolution, self.word = self.word, None
                self.unrecorded = self.resolution
                if self.resolution.action is not Resolving.RETRY:
                    return self._end(None)
                if workflow.patched(WORDS_ON_RECORD):
                    self.changed(self)

    async def _was_settled(self, when: str) -> bool:
        """Whether an operator has said of it, in an earlier life, that it is not to be done here.

        Asked again when it parks: a run that was reset to behind its beginning could not ask then.
        """
        said = await self.recall(when) if self.recall is not None else None
        self.resolution = said or self.resolution
        return said is not None

    def _done_or_told(self, attempts: "asyncio.Task[Any]") -> bool:
        return attempts.done() or self.word is not None

    def _refused(self, attempts: "asyncio.Task[Any]") -> bool:
        """Park if the attempts failed; whether they were refused, so that trying on is idle."""
        try:
            attempts.result()
        except FailureError as error:
            refused = is_rejection(error)
            if refused and self.refusable:
                self._end(None)
                raise
            if held_back(error):
                self.set_aside = workflow.patched("held-back-is-set-aside")
                return False
            self._park(cause_of(error, self.step.name).detail)
            # To try on what says that it is final would be to try without a pause.
            return refused or (is_final(error) and workflow.patched("final-failures-park"))
        return False

    async def _try(self) -> Any:
        first, self._first = self._first, False
        return await self.attempts.at(
            self.step,
            self.what,
            self.args,
            retry=UNTIL_DONE,
            patience=None if self.parked else self.step.park_after,
            summary=self.what.__name__,
            priority=self.priority,
            first=first,
        )

    def _park(self, why: str) -> None:
        news = why != self.parked or not workflow.patched(WORDS_ON_RECORD)
        self.parked, self.set_aside = why, True
        if news:
            self.changed(self)

    def _end(self, reply: Any) -> Any:
        if self.word is not None:  # it came as the work was done; it is on record all the same
            self.unrecorded, self.word = self.word, None
        if self.parked is not None:
            self.parked = None
            self.changed(self)
        return reply


def _look_at(task: "asyncio.Task[Any]") -> None:
    """Nobody waits for attempts that were called off; asyncio would complain of their failure."""
    if not task.cancelled():
        task.exception()
