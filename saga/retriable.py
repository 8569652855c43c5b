"""What must succeed in the end: retried without limit, and parked until a person resolves it.

A call parks when the service refuses it, or when it has failed for longer than the step's
`park_after`. Refused, it waits for an operator; failing, it is still retried, so that a
service that heals needs nobody. One whose last attempt was held back by a circuit breaker has not
failed: it waits, and is not parked; but whatever comes after it need not wait any longer.

What an operator may say depends on the call's role. An action or a compensation may be done by
hand, or be given up. A question may not: nobody but the service knows the answer, so a word in its
place would be read as one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import FailureError

from saga.activity_execution import ActivityExecutor
from saga.messages import (
    Resolution,
    Resolving,
    Role,
    cause_of,
    is_final,
    is_held_back,
    is_rejection,
)
from saga.step import Step

# Undoing goes ahead of new work in a backlog: 1 is first, and new work has the default of 3.
URGENT = Priority(priority_key=1)
WORDS_ON_RECORD = "words-on-record"  # a patch: a retry is put on record when it is said


@dataclass(eq=False)
class RetriableCall:
    """One activity of a step that must succeed. `report` hears when it parks and when that ends.

    `find_earlier` answers with what an operator said of it in an earlier run of the saga.
    `refusable`: a refusal is an answer, and raised; it still parks when it fails for long.
    """

    executor: ActivityExecutor
    report: Callable[["RetriableCall"], None]
    find_earlier: Callable[["RetriableCall", str], Awaitable[Resolution | None]]
    step: Step[Any, Any]
    role: Role
    args: Sequence[Any]
    refusable: bool
    parked: str | None = field(default=None, init=False)
    at_rest: bool = field(default=False, init=False)  # refused: nothing but a word helps
    set_aside: bool = field(default=False, init=False)  # nothing else waits for it any more
    resolution: Resolution | None = field(default=None, init=False)
    word: Resolution | None = field(default=None, init=False)  # said, and not taken up yet
    unrecorded: Resolution | None = field(default=None, init=False)  # taken up, not on record yet
    _first: bool = field(default=True, init=False)

    @property
    def is_question(self) -> bool:
        """Whether nobody but the service can tell what has happened."""
        return self.refusable or self.role in {Role.FENCE, Role.PROBE}

    def allowed_words(self) -> list[Resolving]:
        """What an operator may say of it while it is parked."""
        if self.parked is None:
            return []
        return [Resolving.RETRY] if self.is_question else list(Resolving)

    async def run_until_done(self) -> Any:
        """Its reply; None if an operator resolved it otherwise."""
        if await self._is_settled("begins"):
            return None
        try:
            return await self._retry_until_done()
        except asyncio.CancelledError:  # what runs beside it has failed; nobody resolves it now
            self.parked = self.word = None
            raise

    async def _retry_until_done(self) -> Any:
        while True:
            attempts = asyncio.create_task(self._try())
            attempts.add_done_callback(_retrieve_failure)
            try:
                await workflow.wait_condition(partial(self._is_done_or_told, attempts))
                if attempts.done():
                    refused = self._is_refused(attempts)
                    if self.parked is not None and await self._is_settled("is parked"):
                        return self._end(None)
                    if refused:
                        self.at_rest = True
                        await workflow.wait_condition(lambda: self.word is not None)
            finally:
                self.at_rest = False
                attempts.cancel()  # one that is called off may land yet: the barrier's business
            if attempts.done() and not attempts.cancelled() and attempts.exception() is None:
                return self._end(attempts.result())
            if self.word is not None:
                self.resolution = self.unrecorded = self.word
                self.word = None
                if self.resolution.action is not Resolving.RETRY:
                    return self._end(None)
                if workflow.patched(WORDS_ON_RECORD):
                    self.report(self)

    async def _is_settled(self, when: str) -> bool:
        """Whether an operator has said of it, in an earlier run, that it is not to be done here.

        Asked again when it parks: a run that was reset to behind its beginning could not ask then.
        """
        said = None if self.is_question else await self.find_earlier(self, when)
        self.resolution = said or self.resolution
        return said is not None

    def _is_done_or_told(self, attempts: "asyncio.Task[Any]") -> bool:
        return attempts.done() or self.word is not None

    def _is_refused(self, attempts: "asyncio.Task[Any]") -> bool:
        """Park if the attempts failed; whether they were refused, so that to retry is idle."""
        try:
            attempts.result()
        except FailureError as error:
            refused = is_rejection(error)
            if refused and self.refusable:
                self._end(None)
                raise
            self.set_aside = True
            if is_held_back(error):
                return False
            before, self.parked = self.parked, cause_of(error, self.step.name).detail
            if before != self.parked or not workflow.patched(WORDS_ON_RECORD):
                self.report(self)
            # To retry what says that it is final would be to retry without a pause.
            return refused or (is_final(error) and workflow.patched("final-failures-park"))
        return False

    async def _try(self) -> Any:
        first, self._first = self._first, False
        activity = getattr(self.step, self.role)
        return await self.executor.execute(
            self.step,
            activity,
            self.args,
            patience=None if self.parked else self.step.park_after,
            summary=activity.__name__,
            priority=URGENT if self.role is Role.COMPENSATION else Priority.default,
            first=first,
        )

    def _end(self, reply: Any) -> Any:
        if self.word is not None:  # it came as the work was done; it is on record all the same
            self.unrecorded, self.word = self.word, None
        if self.parked is not None:
            self.parked = None
            self.report(self)
        return reply


def _retrieve_failure(task: "asyncio.Task[Any]") -> None:
    """Nobody waits for attempts that were called off; asyncio would complain of their failure."""
    if not task.cancelled():
        task.exception()
