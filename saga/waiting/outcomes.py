"""Waits until somebody else has acted, and asks the action again: it alone knows what came of it.

Unlike an answer (see `answers`), what the saga is sent meanwhile is no word on how it goes on, but
a hint that it is worth asking. So it may be sent twice, late, out of order, or never.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from saga.earlier_runs import EarlierRuns
from saga.messages import PendingStepEvent, expire, find_pending
from saga.progress import Progress
from saga.step import AwaitedOutcome, Step
from saga.view import SagaState, StepState, WaitView
from saga.waiting.answers import SHORTLY, wait_visibly

LONGEST_PAUSE = timedelta(minutes=5)
SOON = timedelta(seconds=1)  # between two looks of which the first one was asked for, too

R = TypeVar("R")
OnPending = Callable[[PendingStepEvent], Awaitable[None]]


class AwaitedOutcomes:
    """Since when each step waits, in `runs`, and for which of them it is worth looking again."""

    def __init__(self, progress: Progress, runs: EarlierRuns, on_pending: OnPending | None) -> None:
        self._progress = progress
        self._since = runs.since
        self._on_pending = on_pending
        self._hinted: set[str] = set()

    def look_again(self, name: str) -> None:
        """Have the action asked soon. What comes before the step waits is kept, and not counted."""
        self._hinted.add(name)

    async def decide(self, step: Step[Any, R], command: Any, act: Callable[[], Awaitable[R]]) -> R:
        """The action's reply, when it is none of `pending` any more. FailureError, or in time."""
        waits, pause, wait = step.awaits_outcome, timedelta(), None
        while True:
            self._hinted.discard(step.name)
            try:
                return await act()
            except FailureError as error:
                if waits is None or (found := find_pending(error)) is None:
                    raise
            wait = wait or await self._begin(step, waits, waits.within(command), found)
            until = datetime.fromisoformat(wait.until)
            if workflow.now() >= until:
                raise expire(waits.code, f"waited {waits.within(command)} for {waits.what}")
            pause = min(pause * 2, LONGEST_PAUSE) or waits.look_after
            await self._until_due(step.name, min(workflow.now() + pause, until), wait)

    async def _begin(
        self,
        step: Step[Any, Any],
        waits: AwaitedOutcome,
        within: timedelta,
        found: ApplicationError,
    ) -> WaitView:
        since = self._since.setdefault(step.name, workflow.now().isoformat())
        until = datetime.fromisoformat(since) + within
        wait = WaitView(waits.what, since, until.isoformat())
        self._progress.mark(step, StepState.WAITING, waiting=wait)
        if self._on_pending is not None:
            about = found.details[0] if found.details else None
            await self._on_pending(PendingStepEvent(step.name, about, until))
        return wait

    async def _until_due(self, name: str, due: datetime, wait: WaitView) -> None:
        """Until it is time to look again, or somebody has said so."""
        if name in self._hinted:  # while it was looked at: what for, nobody knows
            self._hinted.discard(name)
            due = min(due, workflow.now() + SOON)
        left = max(due - workflow.now(), SHORTLY)
        await wait_visibly(
            self._progress,
            lambda: name in self._hinted,
            left,
            f"{name}: {wait.what}",
            shown=self._progress.view.state is SagaState.WAITING,
        )
