"""Undoes a saga in reverse: what it has begun, and what it may have done in an earlier life."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from temporalio import workflow

from saga.activity_execution import What
from saga.definition import Work
from saga.earlier_runs import may_have_untracked_effects
from saga.messages import Call, FailureCause
from saga.progress import Journal
from saga.retriable import URGENT, Resolving, RetriableCall, Role
from saga.retriable_calls import RetriableCalls, results
from saga.view import StepState


class Compensator:
    """Knows which steps to compensate, of all `work` that the saga may have done in some life."""

    def __init__(
        self, work: Mapping[str, Work], journal: Journal, duties: RetriableCalls, *, lived: bool
    ) -> None:
        self._undoable = {name: it for name, it in work.items() if it[0].compensation}
        self._journal = journal
        self._duties = duties
        self._lived = lived
        self.begun: list[str] = []  # in this run

    async def all(self, cause: FailureCause) -> dict[str, Any]:
        """Undo, last first, past what is parked; the compensations' replies by step."""
        self._journal.undoing(f"{cause.code}: {cause.detail}")
        tasks: dict[str, asyncio.Task[Any]] = {}
        for step, command in self._in_order():
            if step.concludes:
                await results(tasks.values())
                await self._duties.told()
            if step.name in self.begun or step.concludes:
                self._journal.view.compensations.append(step.name)
                self._journal.mark(step, StepState.COMPENSATING)
            call = Call(self._journal.view.saga_id, step.name, cause)
            undo = cast("What", step.compensation)  # all of these have one
            duty = self._duties.new(step, Role.COMPENSATION, undo, call, command, priority=URGENT)
            tasks[step.name] = task = asyncio.create_task(self._undo(duty))
            await workflow.wait_condition(partial(_done_or_set_aside, task, duty))
        return dict(zip(tasks, await results(tasks.values()), strict=True))

    def _in_order(self) -> list[Work]:
        """The last begun first, a concluding one last, whether or not it was begun."""
        begun = [name for name in self.begun if name in self._undoable]
        every = may_have_untracked_effects(self._lived, "undo-earlier-runs")
        more = [name for name, (step, _) in self._undoable.items() if every or step.concludes]
        last_first = [self._undoable[name] for name in reversed(dict.fromkeys(begun + more))]
        return sorted(last_first, key=lambda it: it[0].concludes)

    async def _undo(self, duty: RetriableCall) -> Any:
        """Undo one step. One that this run had not begun shows as skipped: it mostly never was."""
        reply = await duty.fulfil()
        skipped = duty.resolution is not None and duty.resolution.action is Resolving.SKIP
        skipped = skipped or duty.step.name not in self._journal.view.compensations
        self._journal.mark(duty.step, StepState.SKIPPED if skipped else StepState.COMPENSATED)
        return reply


def _done_or_set_aside(task: asyncio.Task[Any], duty: RetriableCall) -> bool:
    return task.done() or duty.set_aside
