"""Undoes a saga in reverse: what it has begun, and what it may have done in an earlier run."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from temporalio import workflow

from saga.definition import PlannedStep
from saga.earlier_runs import has_earlier_run, may_have_untracked_effects
from saga.messages import Call, FailureCause, Role
from saga.progress import Progress
from saga.retriable import RetriableCall
from saga.retriable_calls import RetriableCalls, wait_for_all
from saga.view import StepState


class Compensator:
    """Knows which steps to compensate, of all in `plan`, which the saga may have done in some run.

    `untracked`: see `may_have_untracked_effects`.
    """

    def __init__(
        self,
        plan: Mapping[str, PlannedStep],
        progress: Progress,
        calls: RetriableCalls,
        *,
        untracked: bool,
    ) -> None:
        self._undoable = {name: work for name, work in plan.items() if work[0].compensation}
        self._progress = progress
        self._calls = calls
        self._untracked = untracked
        self.begun: list[str] = []  # in this run

    async def undo_all(self, cause: FailureCause) -> dict[str, Any]:
        """Undo, last first, past what is parked; the compensations' replies by step."""
        self._progress.give_cause(f"{cause.code}: {cause.detail}")
        tasks: dict[str, asyncio.Task[Any]] = {}
        for step, command in self._order():
            if step.concludes:
                await wait_for_all(tasks.values())
                await self._calls.wait_until_recorded()
            begun = step.name in self.begun or step.concludes
            undone = StepState.SKIPPED  # what it has not begun, it mostly never did
            if begun or self._calls.later or has_earlier_run():  # an earlier run may have
                undone = StepState.COMPENSATED
                self._progress.view.compensations.append(step.name)
                self._progress.mark(step, StepState.COMPENSATING, found_by=begun)
            call = Call(self._progress.view.saga_id, step.name, cause)
            undo = self._calls.add(step, Role.COMPENSATION, call, command)
            tasks[step.name] = task = asyncio.create_task(self._calls.run(undo, undone))
            await workflow.wait_condition(partial(_is_done_or_set_aside, task, undo))
        return dict(zip(tasks, await wait_for_all(tasks.values()), strict=True))

    def _order(self) -> list[PlannedStep]:
        """The last begun first, a concluding one last, whether or not it was begun."""
        begun = [name for name in self.begun if name in self._undoable]
        every = may_have_untracked_effects(self._untracked, "undo-earlier-runs")
        more = [name for name, (step, _) in self._undoable.items() if every or step.concludes]
        last_first = [self._undoable[name] for name in reversed(dict.fromkeys(begun + more))]
        return sorted(last_first, key=lambda work: work[0].concludes)


def _is_done_or_set_aside(task: asyncio.Task[Any], call: RetriableCall) -> bool:
    return task.done() or call.set_aside
