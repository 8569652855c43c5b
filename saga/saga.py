"""A saga as a workflow has it: what people, partners and the workflow itself ask of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from saga.earlier_runs import may_have_untracked_effects
from saga.executor import Executor
from saga.messages import Call, Outcome, Resolution
from saga.progress import FORWARD
from saga.step import Refusal, Step

C = TypeVar("C")
R = TypeVar("R")


class Saga(Executor):
    """One run of a saga, inside a workflow. Make it in `@workflow.init`, with the input `given`.

    The arguments are the Executor's.
    """

    @property
    def answers(self) -> Mapping[str, Any]:
        """What the steps that wait were answered, by their names."""
        return self._answers.given

    async def cancel(self, code: str, detail: str) -> bool:
        """Undo the saga if that is still possible. Returns when it is certain to be undone, or not.

        If the saga may have gone past the pivot, in an earlier run or in a stretch that is under
        way, only the pivot's fence knows.
        """
        untracked = self._untracked or self._stretches.active
        accepted = self.request_cancel(code, detail)
        if accepted and may_have_untracked_effects(untracked, "ask-the-fence-before-a-cancel"):
            await workflow.wait_condition(lambda: self._undoable is not None)
            return bool(self._undoable)
        return accepted

    def check_resolution(self, resolution: Resolution) -> None:
        """ApplicationError if this cannot be said of this step: for an Update's validator."""
        self._calls.check(resolution)

    async def resolve(self, resolution: Resolution) -> None:
        """Take an operator's word on a parked step that was checked, till it is on record."""
        await self._calls.resolve(resolution)

    def check_answer(self, step: str, answer: Any) -> None:
        """ApplicationError if this cannot be answered to this step: for an Update's validator."""
        self._answers.check(step, answer, over=self._is_over)

    def answer(self, step: str, answer: Any) -> Refusal | None:
        """Answer a step that waits: for an Update. What it means: None if the saga goes on.

        The same answer given again gets the first one's result. ApplicationError, which says what
        to do, for another one, and for what comes before the request or when nobody waits any more.
        """
        return self._answers.take(step, answer, over=self._is_over)

    def answer_by_signal(self, step: str, answer: Any) -> None:
        """The same for a signal, which cannot be refused: what comes early is kept.

        What cannot be taken is ignored, and in the worker's log.
        """
        try:
            self._answers.take(step, answer, over=self._is_over, early=True)
        except Exception as error:  # noqa: BLE001 - nothing that is sent may stop the saga
            workflow.logger.warning("a signal's answer to step %s is ignored: %s", step, error)

    def look_again(self, step: str) -> None:
        """Have a step that waits for an outcome ask for it soon: somebody may have acted."""
        self._outcomes.look_again(step)

    async def record(self, step: Step[C, R], command: C, number: int) -> R:
        """Run an activity that puts something on record, beside the steps, until it succeeds.

        It is a fact about this run: what another run has put on record stands beside it. So here,
        and only here, the run is a part of the key.
        """
        call = Call(self.view.saga_id, f"{step.name}#{number}@{workflow.info().run_id}")
        return cast("R", await self._activities.execute(step, step.action, (call, command)))

    async def ask(self, step: Step[Any, Any], activity: Callable[..., Any]) -> Any:
        """Run an activity that only reads, beside the steps, until it succeeds."""
        call = Call(self.view.saga_id, step.name)
        return await self._activities.execute(step, activity, (call,))

    def upsert_search_attribute(self, attribute: SearchAttributeUpdate[Any]) -> None:
        """Have the workflow found by this. On the fast path, once it is left, or at the close."""
        self._progress.upsert(attribute)

    def close(self, outcome: Outcome, *, on_record: bool = True) -> None:
        """Call last: closes the workflow as cancelled if that is what Temporal was asked for.

        `on_record`: the outcome's cause is the one that is recorded. It is not if an earlier run of
        the saga, or of this task, undid it for another one.
        """
        self._progress.flush()
        if self._runs.by_temporal and outcome.cause is not None and on_record:
            raise asyncio.CancelledError(outcome.cause.detail)

    @property
    def _is_over(self) -> bool:
        """Whether nobody is waited for any more: it is undone, or its pivot has landed."""
        undone = self._abortion is not None or self._progress.phase not in FORWARD
        return undone or self._runs.landed
