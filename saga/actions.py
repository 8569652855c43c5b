"""Runs one step's action to its reply, or to the cause that its failure is."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from saga.activity_execution import Attempts, What
from saga.answers import Answers
from saga.messages import Call, FailureCause, cause_of, is_rejection
from saga.progress import Journal
from saga.retriable import Role
from saga.retriable_calls import RetriableCalls
from saga.step import FORWARD, Step, StepKind
from saga.view import StepState

C = TypeVar("C")
R = TypeVar("R")


class StepFailedError(Exception):
    """A step's failure on its way from `Saga.step` to `Saga.run`, with the cause that it is."""

    def __init__(self, cause: FailureCause) -> None:
        super().__init__(cause.detail)
        self.cause = cause


class Actions:
    """Tries actions, and asks after those whose outcome is unknown."""

    def __init__(
        self, journal: Journal, attempts: Attempts, duties: RetriableCalls, answers: Answers
    ) -> None:
        self._journal = journal
        self._answers = answers
        self._attempts = attempts
        self._duties = duties

    async def attempt(self, step: Step[C, R], call: Call, command: C) -> R:
        """An action before or at the pivot. StepFailedError, or CancelledError if called off."""
        try:
            reply = await self._run(step, call, command)
            if step.awaits is not None:
                await self._answers.wait(step, step.awaits)
        except asyncio.CancelledError:
            self._journal.mark(step, StepState.FAILED, "cancelled")
            raise
        except FailureError as error:
            cause = cause_of(error, step.name)
            self._journal.mark(step, StepState.FAILED, cause.detail)
            raise StepFailedError(cause) from error
        return reply

    async def insist(self, step: Step[Any, Any], role: Role, what: What, *args: Any) -> Any:
        """An activity of a step that must succeed in the end."""
        return await self._duties.new(step, role, what, *args).fulfil()

    async def _run(self, step: Step[C, R], call: Call, command: C) -> R:
        try:
            return await self._try(step, call, command)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from error
            if step.probe is not None and not is_rejection(error):
                landed: R | None = await self.insist(step, Role.PROBE, step.probe, call, command)
                if landed is not None:
                    return landed
            raise

    async def _try(self, step: Step[C, R], call: Call, command: C) -> R:
        """Only the pivot is tried without limit."""
        args = (call, command)
        if step.kind is StepKind.PIVOT:
            duty = self._duties.new(step, Role.ACTION, step.action, *args, refusable=True)
            reply: R = await duty.fulfil()
        else:
            summary = step.summary(command) if step.summary else ""
            reply = await self._attempts.at(
                step, step.action, args, retry=FORWARD, patience=step.patience, summary=summary
            )
        return reply


async def gather_or_cancel(steps: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The replies of all, in order. If one fails the others are cancelled, and it is raised."""
    tasks = [asyncio.create_task(step) for step in steps]
    interrupted = False
    try:
        await workflow.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:  # no `finally`: a workflow that leaves the cache is closed
        interrupted = True  # here, and can wait for nothing any more
    for task in tasks:
        task.cancel()
    await workflow.wait(tasks)
    if interrupted:
        raise asyncio.CancelledError
    failed = [task for task in tasks if not task.cancelled() and task.exception()]
    return [task.result() for task in (*failed, *tasks)]
