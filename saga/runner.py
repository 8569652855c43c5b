"""Runs a saga forward, and undoes it in reverse when it must be.

How cancellation works, since every part below depends on it. The forward path runs in a task of
its own. A customer's cancel and Temporal's own both end in `request_cancel`, which notes the
cause and cancels that task, whatever it awaits; after the pivot it does nothing. The main task
and the compensations are never cancelled: `_finish` waits for them through any cancellation.
Bugs are not failures: they pass through and fail the workflow task, and so does eviction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity, workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from saga.call import Call, Cause, Ending, cause_of
from saga.step import FORWARD, UNTIL_DONE, Kind, Step
from saga.view import SagaState, SagaView, StepState, StepView

C = TypeVar("C")
R = TypeVar("R")

SAGA_STATE = SearchAttributeKey.for_keyword("SagaState")
SAGA_STEP = SearchAttributeKey.for_keyword("SagaStep")
BLOCKED_RETRY = timedelta(minutes=5)


@dataclass
class Outcome:
    """How a saga ended: completed if there is no cause. `undone` has each compensation's reply."""

    cause: Cause | None
    undone: dict[str, Any] = field(default_factory=dict)


class _StepFailedError(Exception):
    """A step's failure on its way from `step` to `run`, with the cause that it is."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.detail)
        self.cause = cause


class Saga:
    """One run of a saga, inside a workflow. Make it in `@workflow.init`, with its step table."""

    def __init__(self, steps: Sequence[Step[Any, Any]]) -> None:
        self._steps = {step.name: step for step in steps}
        self.view = SagaView(
            saga_id=workflow.info().workflow_id, steps=[_view(step) for step in steps]
        )
        self._views = {view.name: view for view in self.view.steps}
        self._begun: dict[str, tuple[Step[Any, Any], Any]] = {}
        self._forward: asyncio.Task[None] | None = None
        self._cancel: Cause | None = None
        self._cancelled_by_temporal = False
        self._committed = False

    @property
    def cancellable(self) -> bool:
        """Whether a cancel would still be honoured: neither past the pivot nor being undone."""
        return not self._committed and self.view.state == SagaState.RUNNING

    def request_cancel(self, code: str, detail: str) -> bool:
        """Undo the saga if that is still possible; False if it is too late."""
        if not self.cancellable:
            return False
        if self._cancel is None:
            self._cancel = Cause(Ending.CANCELLED, code, detail)
            if self._forward is not None:
                self._forward.cancel()
        return True

    def register(self, step: Step[C, R], command: C) -> None:
        """Have a step compensated even if the saga is cancelled before the step is reached."""
        self._begun.setdefault(step.name, (step, command))

    async def run(self, forward: Callable[[], Coroutine[Any, Any, None]]) -> Outcome:
        """Run `forward`, which calls `step` for each step, to its end or undo what it began.

        Ends with the saga completed or every compensation done. Fails as `UnsoundSaga` if
        something that is no step fails past the pivot, where nothing may be undone any more.
        """
        cause = await self._try(forward)
        if cause is not None and not self._committed:
            self._show(SagaState.COMPENSATING)
            if await self._finish(self._pivot_landed()):
                # Only after a reset: an earlier run of this saga went past the pivot. So must we.
                self._committed, self._cancel = True, None
                self._show(SagaState.RUNNING)
                cause = await self._try(forward)
        if cause is not None and self._committed:
            detail = f"unsound saga: past its pivot, {cause.step} failed: {cause.detail}"
            raise ApplicationError(detail, type="UnsoundSaga", non_retryable=True)
        undone = {} if cause is None else await self._finish(self._compensate(cause))
        self._show(SagaState.COMPLETED if cause is None else SagaState.COMPENSATED)
        return Outcome(cause, undone)

    async def step(self, step: Step[C, R], command: C, *, summary: str = "") -> R:
        """Run one step's action and return its reply. Call it from `forward` only.

        The compensation is registered first: an action that fails or whose outcome is unknown is
        undone too.
        """
        if self._cancel is not None:
            raise asyncio.CancelledError  # a cancel that `forward` swallowed
        self.register(step, command)
        must_succeed = self._committed or step.kind is Kind.RETRIABLE
        self._committed = self._committed or step.kind is Kind.PIVOT
        self._mark(step, StepState.RUNNING)
        call = Call(self.view.saga_id, step.name)
        try:
            if must_succeed:
                reply: R = await self._insist(step, step.action, call, command)
            else:
                reply = await self._act(step, call, command, summary)
        except FailureError as error:
            raise self._failed(step, error) from error
        self._mark(step, StepState.DONE)
        return reply

    def _failed(self, step: Step[Any, Any], error: FailureError) -> BaseException:
        """What to raise for a step that failed: a cancel if it was one, else its cause."""
        if self._cancel is not None and is_cancelled_exception(error):
            self._mark(step, StepState.FAILED, "cancelled")
            return asyncio.CancelledError()
        cause = cause_of(error, step.name)
        self._mark(step, StepState.FAILED, cause.detail)
        if step.kind is Kind.PIVOT:
            self._committed = False  # it was refused, so nothing is binding
        return _StepFailedError(cause)

    async def _try(self, forward: Callable[[], Coroutine[Any, Any, None]]) -> Cause | None:
        """Run the forward path once: None if it completed, else why it must be undone."""
        failure: Cause | None = None
        if self._requested() is None:
            self._forward = asyncio.create_task(forward())
            try:
                await self._finish_task(self._forward)
            except _StepFailedError as error:
                failure = error.cause
            except FailureError as error:  # of something that `forward` awaited beside its steps
                failure = cause_of(error, "saga")
            except asyncio.CancelledError:
                if self._requested() is None:
                    raise
        # An accepted cancel wins over whatever else happened: somebody was told so.
        cause = self._requested() or failure
        self._committed = self._committed or cause is None
        return cause

    def _requested(self) -> Cause | None:
        return self._cancel

    async def _pivot_landed(self) -> bool:
        """Refuse a pivot that has not landed yet, in any run of this saga; True if it had."""
        for step in self._steps.values():
            if step.fence is not None:
                call = Call(self.view.saga_id, step.name)
                return bool(await self._insist(step, step.fence, call))
        return False

    async def _compensate(self, cause: Cause) -> dict[str, Any]:
        """Undo what was begun, last first, and return the compensations' replies."""
        self.view.cause = f"{cause.code}: {cause.detail}"
        for view in self.view.steps:
            if view.state == StepState.PENDING:
                view.state = StepState.SKIPPED
        replies = {}
        for step, command in reversed(self._begun.values()):
            if step.compensation is None:
                continue
            self.view.compensations.append(step.name)
            self._mark(step, StepState.COMPENSATING)
            call = Call(self.view.saga_id, step.name, cause)
            replies[step.name] = await self._insist(step, step.compensation, call, command)
            self._mark(step, StepState.COMPENSATED)
        return replies

    async def _act(self, step: Step[C, R], call: Call, command: C, summary: str) -> R:
        """An action before or at the pivot; only the pivot is tried without limit."""
        pivot = step.kind is Kind.PIVOT
        text = f"{step.name}: {summary}" if summary else step.name
        reply: R = await self._execute(
            step,
            step.action,
            (call, command),
            retry=UNTIL_DONE if pivot else FORWARD,
            patience=None if pivot else step.patience,
            summary=text,
        )
        return reply

    async def _insist(
        self, step: Step[Any, Any], what: Callable[..., Awaitable[Any]], *args: Any
    ) -> Any:
        """Run what must succeed in the end: without limit, and blocked while it is refused."""
        while True:
            state = self.view.state
            try:
                return await self._execute(
                    step, what, args, retry=UNTIL_DONE, patience=None, summary=what.__name__
                )
            except FailureError as error:
                cause = cause_of(error, step.name)
            self._mark(step, StepState.BLOCKED, cause.detail)
            self._show(SagaState.BLOCKED)
            await workflow.sleep(BLOCKED_RETRY)
            self._show(state)

    async def _execute(
        self,
        step: Step[Any, Any],
        what: Callable[..., Awaitable[Any]],
        args: Sequence[Any],
        *,
        retry: RetryPolicy,
        patience: timedelta | None,
        summary: str,
    ) -> Any:
        return await workflow.execute_activity(
            what,
            args=args,
            task_queue=step.queue,
            start_to_close_timeout=step.attempt,
            schedule_to_close_timeout=patience,
            retry_policy=retry,
            summary=summary,
        )

    async def _finish(self, work: Coroutine[Any, Any, R]) -> R:
        """Run work that no cancellation may interrupt."""
        return await self._finish_task(asyncio.create_task(work))

    async def _finish_task(self, task: asyncio.Task[R]) -> R:
        """Wait for a task through any cancellation, which becomes a request to cancel the saga.

        Temporal delivers a cancellation once, to the main task, which is the one that waits here.
        """
        while not task.done():
            try:
                await workflow.wait([task])
            except asyncio.CancelledError:
                if (current := asyncio.current_task()) is not None:
                    current.uncancel()
                accepted = self.request_cancel("cancelled_by_operator", "cancelled on Temporal")
                self._cancelled_by_temporal = self._cancelled_by_temporal or accepted
        return task.result()

    def close(self, outcome: Outcome) -> None:
        """Call last: closes the workflow as cancelled if that is what Temporal was asked for."""
        if self._cancelled_by_temporal and outcome.cause is not None:
            raise asyncio.CancelledError(outcome.cause.detail)

    def _mark(self, step: Step[Any, Any], state: StepState, error: str | None = None) -> None:
        view = self._views[step.name]
        now = workflow.now().isoformat()
        view.state, view.error = state, error or view.error
        if state == StepState.RUNNING:
            view.started_at, view.finished_at = now, None
        elif state in {StepState.DONE, StepState.FAILED, StepState.COMPENSATED}:
            view.finished_at = now
        if state in {StepState.RUNNING, StepState.COMPENSATING}:
            workflow.upsert_search_attributes([SAGA_STEP.value_set(step.name)])
        workflow.set_current_details(self.view.markdown())

    def _show(self, state: SagaState) -> None:
        self.view.state = state
        workflow.upsert_search_attributes([SAGA_STATE.value_set(state)])
        workflow.set_current_details(self.view.markdown())


def _view(step: Step[Any, Any]) -> StepView:
    return StepView(
        name=step.name,
        kind=step.kind,
        action=_activity_name(step.action),
        compensation=_activity_name(step.compensation) if step.compensation else None,
    )


def _activity_name(function: Callable[..., Any]) -> str:
    """The name under which an activity is registered; the SDK has no public way to ask."""
    return activity._Definition.must_from_callable(function).name or function.__name__
