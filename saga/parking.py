"""What must succeed in the end: tried without limit, and parked until a person resolves it.

A duty parks when the service refuses it, or when it has failed for longer than the step's
`park_after`. Refused, it waits for an operator; failing, it is tried on meanwhile, so that a
service that heals needs nobody. One whose last attempt was held back by a circuit breaker has not
failed: it waits, and is not parked.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import FailureError

from saga.attempts import Attempts, What
from saga.call import Ending, cause_of, held_back
from saga.step import UNTIL_DONE, Step

# Undoing goes ahead of new work in a backlog: 1 is first, and new work has the default of 3.
URGENT = Priority(priority_key=1)


class Resolving(StrEnum):
    """What an operator may say of a parked step."""

    RETRY = "retry"
    SKIP = "skip"
    MARK_DONE = "mark_done"


@dataclass(frozen=True)
class Resolution:
    """An operator's word on a parked step. `evidence` says why it is true, `who` says it."""

    step: str
    action: Resolving
    evidence: str
    who: str


@dataclass(eq=False)
class Duty:
    """One activity that must succeed. `changed(duty)` hears when it parks and when that ends.

    `refusable`: a refusal is an answer, and raised; it still parks when it fails for long.
    """

    step: Step[Any, Any]
    what: What
    args: Sequence[Any]
    attempts: Attempts
    changed: Callable[["Duty"], None]
    priority: Priority = Priority.default
    refusable: bool = False
    parked: str | None = field(default=None, init=False)
    resolution: Resolution | None = field(default=None, init=False)
    _first: bool = field(default=True, init=False)
    _word: Resolution | None = field(default=None, init=False)

    def resolve(self, resolution: Resolution) -> None:
        """Take an operator's word; the duty must be parked."""
        self._word = resolution

    async def fulfil(self) -> Any:
        """Its reply; None if an operator resolved it otherwise."""
        while True:
            attempts = asyncio.create_task(self._try())
            attempts.add_done_callback(_look_at)
            try:
                await workflow.wait_condition(partial(self._done_or_told, attempts))
                if attempts.done() and self._refused(attempts):
                    await workflow.wait_condition(lambda: self._word is not None)
            finally:
                attempts.cancel()  # one that is called off may land yet: the barrier's business
            if attempts.done() and not attempts.cancelled() and attempts.exception() is None:
                return self._end(attempts.result())
            if self._word is not None:
                self.resolution, self._word = self._word, None
                if self.resolution.action is not Resolving.RETRY:
                    return self._end(None)

    def _done_or_told(self, attempts: "asyncio.Task[Any]") -> bool:
        return attempts.done() or self._word is not None

    def _refused(self, attempts: "asyncio.Task[Any]") -> bool:
        """Park if the attempts failed; whether they were refused, so that trying on is idle."""
        try:
            attempts.result()
        except FailureError as error:
            cause = cause_of(error, self.step.name)
            refused = cause.ending is Ending.REJECTED
            if refused and self.refusable:
                self._end(None)
                raise
            if not held_back(error):
                self._park(cause.detail)
            return refused
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
        self.parked = why
        self.changed(self)

    def _end(self, reply: Any) -> Any:
        if self.parked is not None:
            self.parked = None
            self.changed(self)
        return reply


def _look_at(task: "asyncio.Task[Any]") -> None:
    """Nobody waits for attempts that were called off; asyncio would complain of their failure."""
    if not task.cancelled():
        task.exception()
