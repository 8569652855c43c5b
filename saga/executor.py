"""Runs a saga forward, and undoes it in reverse when it must be.

How cancellation works, since every part below depends on it. The forward path runs in a task of
its own. A customer's cancel, Temporal's own and the deadline all end in `_abort`, which notes the
cause and cancels that task, whatever it awaits; after the pivot it does nothing. The main task and
the compensations are never cancelled: `_finish` waits for them through any cancellation. Bugs are
not failures: they pass through and fail the workflow task, and so does eviction.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError, FailureError

from saga.actions import Actions, StepFailedError, gather_or_cancel
from saga.activity_execution import Attempts
from saga.answers import SHORTLY, Answers
from saga.compensation import Compensator
from saga.definition import SagaDefinition
from saga.earlier_runs import ContinueAsNew, EarlierRuns, may_have_untracked_effects
from saga.messages import Call, FailureCause, FailureKind, Outcome, cause_of
from saga.progress import FORWARD, Journal
from saga.retriable import Resolution, Role
from saga.retriable_calls import LoadResolutions, OnBlocked, RetriableCalls
from saga.step import UNTIL_DONE, Refusal, Step, StepKind
from saga.view import SagaState, SagaView, StepState

C = TypeVar("C")
R = TypeVar("R")
Forward = Callable[[], Coroutine[Any, Any, None]]


class Saga:
    """One run of a saga, inside a workflow. Make it in `@workflow.init`, with the input `given`.

    `on_blocked`, if given, is awaited for every BlockedStepEvent, side by side with the saga, and
    before its end.
    `fast_path`: try each activity where the workflow runs first. `own_queue`: run those that are
    not on the workflow's queue, and not on their step's. `earlier_runs`: the saga has run before.
    These must come from the workflow's input.
    `searchable`: the workflow is found by `SagaState` and `SagaStep`, which the namespace must know
    (`saga.lint.check_search_attributes`): where it does not, Temporal fails all its tasks.
    `load_resolutions` answers with how operators resolved steps in earlier runs of the saga.
    `continue_as_new` continues the workflow as new: a saga that was sent much, and that is blocked
    or waits still, goes on in another run before its history is as long as may be.
    """

    def __init__(
        self,
        definition: SagaDefinition,
        given: Any,
        *,
        on_blocked: OnBlocked | None = None,
        load_resolutions: LoadResolutions | None = None,
        continue_as_new: ContinueAsNew | None = None,
        fast_path: bool = False,
        own_queue: bool = False,
        earlier_runs: EarlierRuns | None = None,
        searchable: bool = False,
    ) -> None:
        self._definition = definition
        self._work = definition.work(given)
        self._journal = Journal(
            workflow.info().workflow_id,
            [*definition],
            batched=fast_path or own_queue,
            searchable=searchable,
        )
        self._lived = fast_path or earlier_runs is not None
        self._attempts = Attempts(fast_path, self._journal.flush, own_queue=own_queue)
        self._pivots = [step for step in definition if step.kind is StepKind.PIVOT]
        self._duties = RetriableCalls(
            self._journal,
            self._attempts,
            on_blocked,
            load_resolutions,
            later=earlier_runs is not None,
        )
        self._continue_as_new = continue_as_new
        self._life = earlier_runs or EarlierRuns()  # what a later one has to know by now
        self._answers = Answers(self._work, self._journal, self._life)
        self._actions = Actions(self._journal, self._attempts, self._duties, self._answers)
        self._undoing = Compensator(self._work, self._journal, self._duties, lived=self._lived)
        self._forward: asyncio.Task[None] | None = None
        self._abortion = self._life.undo
        self._cause: FailureCause | None = None  # why it is being undone
        self._committed = self._life.landed
        self._undoable: bool | None = None  # what the pivot's fence said, once it was asked

    @property
    def view(self) -> SagaView:
        """Where the saga stands."""
        return self._journal.view

    @property
    def cancellable(self) -> bool:
        """Whether a cancel would still be honoured: neither past the pivot nor being undone."""
        return not self._committed and self.view.state in FORWARD

    @property
    def answers(self) -> Mapping[str, Any]:
        """What the steps that wait were answered, by their names."""
        return self._answers.given

    def request_cancel(self, code: str, detail: str) -> bool:
        """Undo the saga if that is still possible; False if it is too late."""
        return self._abort(FailureCause(FailureKind.CANCELLED, code, detail))

    async def cancel(self, code: str, detail: str) -> bool:
        """Undo the saga if that is still possible. Returns when it is certain to be undone, or not.

        If the saga may have gone past the pivot in an earlier life, only the pivot's fence knows.
        """
        accepted = self.request_cancel(code, detail)
        if accepted and may_have_untracked_effects(self._lived, "ask-the-fence-before-a-cancel"):
            await workflow.wait_condition(lambda: self._undoable is not None)
            return bool(self._undoable)
        return accepted

    def check_resolution(self, resolution: Resolution) -> None:
        """ApplicationError if this cannot be said of this step: for an Update's validator."""
        self._duties.check(resolution)

    async def resolve(self, resolution: Resolution) -> None:
        """Take an operator's word on a parked step that `check` let pass, till it is on record."""
        await self._duties.resolve(resolution)

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

    async def run(self, forward: Forward | None = None) -> Outcome:
        """Run all steps in order, or `forward`, which calls `step` for each; or undo what it began.

        Ends with the saga completed or every compensation done. Fails as `UnsoundSaga` if
        something that is no step fails past the pivot, where nothing may be undone any more.
        """
        forward = forward or self._run_steps
        cause = self._cause = await self._try(forward, self._definition.deadline)
        if cause is not None and not self._committed:
            self.view.called_off = cause.code
            self._journal.enter(SagaState.COMPENSATING)
            await self._finish(self._on_record())
            self._undoable = not await self._finish(self._pivot_landed())
            if not self._undoable:
                # An earlier run of this saga, or of this task, went past the pivot. So must we.
                self._committed, self._abortion, self._cause = True, None, None
                self._life = replace(self._life, landed=True)
                self._journal.enter(SagaState.RUNNING)
                cause = await self._try(forward, None)
        if cause is not None and self._committed:
            detail = f"unsound saga: past its pivot, {cause.step} failed: {cause.detail}"
            raise ApplicationError(detail, type="UnsoundSaga", non_retryable=True)
        undone = {} if cause is None else await self._finish(self._undoing.all(cause))
        await self._finish(self._duties.told())
        self._journal.enter(SagaState.COMPLETED if cause is None else SagaState.COMPENSATED)
        return Outcome(cause, undone)

    async def step(self, step: Step[C, R], *, generation: int = 1) -> R:
        """Run one step's action and return its reply. Call it from `forward` only.

        It counts as begun first: an action that fails or whose outcome is unknown is undone too.
        Past the pivot, an operator may skip a parked step: its reply is None then. So is that of a
        read before a pivot that has landed: it has no say any more, and is not asked.
        `generation` counts from 1 where the business repeats a step: a new effect, a new key.
        KeyError if the definition has no such step.
        """
        if self._abortion is not None:
            raise asyncio.CancelledError  # an abort that `forward` swallowed
        step, command = self._work[step.repeated(generation).name]
        is_moot = self._life.landed and step.kind is StepKind.READ
        if is_moot and workflow.patched("reads-have-no-say"):
            self._journal.mark(step, StepState.SKIPPED)
            return cast("R", None)
        self._undoing.begun.append(step.name)
        must_succeed = self._committed or step.kind is StepKind.RETRIABLE
        self._committed = self._committed or step.kind is StepKind.PIVOT
        self._journal.mark(step, StepState.RUNNING)
        call = Call(self.view.saga_id, step.name)
        if must_succeed:
            reply: R = await self._actions.insist(step, Role.ACTION, step.action, call, command)
        else:
            try:
                reply = await self._actions.attempt(step, call, command)
            except StepFailedError:  # a pivot that is refused binds nobody
                self._committed = self._committed and step.kind is not StepKind.PIVOT
                raise
        self._journal.mark(step, StepState.DONE)
        return reply

    async def run_parallel(self, *steps: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run steps side by side; their replies in order. If one fails, the others are cancelled.

        They begin in the order given, and are undone in its reverse.
        """
        return await gather_or_cancel(steps)

    async def record(self, step: Step[C, R], command: C, number: int) -> R:
        """Run an activity that puts something on record, beside the steps, until it succeeds.

        It is a fact about this run: what another run has put on record stands beside it. So here,
        and only here, the run is a part of the key.
        """
        call = Call(self.view.saga_id, f"{step.name}#{number}@{workflow.info().run_id}")
        reply: R = await self._attempts.at(
            step, step.action, (call, command), retry=UNTIL_DONE, patience=None
        )
        return reply

    async def ask(self, step: Step[Any, Any], what: Callable[..., Any]) -> Any:
        """Run an activity that only reads, beside the steps, until it succeeds."""
        call = Call(self.view.saga_id, step.name)
        return await self._attempts.at(step, what, (call,), retry=UNTIL_DONE, patience=None)

    def upsert_search_attribute(self, attribute: SearchAttributeUpdate[Any]) -> None:
        """Have the workflow found by this. On the fast path, once it is left, or at the close."""
        self._journal.show(attribute)

    def close(self, outcome: Outcome, *, on_record: bool = True) -> None:
        """Call last: closes the workflow as cancelled if that is what Temporal was asked for.

        `on_record`: the outcome's cause is the one that is recorded. It is not if an earlier run of
        the saga, or of this task, undid it for another one.
        """
        self._journal.flush()
        if self._life.by_temporal and outcome.cause is not None and on_record:
            raise asyncio.CancelledError(outcome.cause.detail)

    @property
    def _is_over(self) -> bool:
        """Whether nobody is waited for any more: it is undone, or its pivot has landed."""
        undone = self._abortion is not None or self._journal.phase not in FORWARD
        return undone or self._life.landed

    def _abort(self, cause: FailureCause) -> bool:
        if not self.cancellable:
            return False
        if self._abortion is None:
            self._abortion = cause
            if self._forward is not None:
                self._forward.cancel()
        return self._abortion.ending is cause.ending  # if not, it ends as something else

    async def _run_steps(self) -> None:
        for steps in self._definition.stages():
            if len(steps) == 1:
                await self._run_each(*steps)
            else:
                await self.run_parallel(*map(self._run_each, steps))

    async def _run_each(self, step: Step[Any, Any]) -> None:
        generation = 1
        while step.repeated(generation).name in self._work:
            await self.step(step, generation=generation)
            generation += 1

    async def _try(self, forward: Forward, deadline: timedelta | None) -> FailureCause | None:
        """Run the forward path once: None if it completed, else why it must be undone."""
        failure: FailureCause | None = None
        if self._abortion is None:
            self._forward = asyncio.create_task(forward())
            timer = asyncio.create_task(self._expire(deadline)) if deadline else None
            try:
                await self._finish_task(self._forward)
            except StepFailedError as error:
                failure = error.cause
            except FailureError as error:  # of something that `forward` awaited beside its steps
                failure = cause_of(error, "saga")
            except asyncio.CancelledError:
                failure = FailureCause(
                    FailureKind.CANCELLED, "cancelled_by_operator", "a step was cancelled"
                )
            if timer is not None:
                timer.cancel()
        # An accepted cancel wins over whatever else happened: somebody was told so.
        cause = self._abortion or failure
        self._committed = self._committed or cause is None
        return cause

    async def _expire(self, deadline: timedelta) -> None:
        now = workflow.now()
        until = self._life.deadline or (now + deadline).isoformat()
        self._life = replace(self._life, deadline=until)
        left = max(datetime.fromisoformat(until) - now, SHORTLY)
        await workflow.sleep(left, summary="deadline")
        self._abort(
            FailureCause(FailureKind.TIMED_OUT, "deadline_exceeded", f"not done in {deadline}")
        )

    async def _on_record(self) -> None:
        """Let the workflow's task end before what was called off is undone, if need be.

        An attempt of it on its queue would run into its tombstone, and end within the very task
        that undoes it. If that task closes the workflow, the server refuses it then, and drops the
        Update that it brought: undone, and nobody is told so.
        """
        if self._abortion and self._attempts.left and workflow.patched("a-cancel-goes-on-record"):
            await workflow.sleep(SHORTLY, summary="cancelled")

    async def _pivot_landed(self) -> bool:
        """Refuse a pivot that has not landed yet, in any run of this saga; True if it had."""
        for step in self._pivots:
            assert step.fence is not None  # noqa: S101 - a pivot without one cannot be made
            call = Call(self.view.saga_id, step.name)
            if await self._actions.insist(step, Role.FENCE, step.fence, call):
                return True
        return False

    async def _finish(self, work: Coroutine[Any, Any, R]) -> R:
        """Run work that no cancellation may interrupt."""
        return await self._finish_task(asyncio.create_task(work))

    async def _finish_task(self, task: asyncio.Task[R]) -> R:
        """Wait for a task through any cancellation, which becomes a request to cancel the saga.

        Temporal delivers a cancellation once, to the main task, which is the one that waits here.
        """
        while not task.done():
            try:
                await workflow.wait_condition(lambda: task.done() or self._is_to_begin_anew())
                renew = self._continue_as_new
                if not task.done() and renew is not None:
                    self._continue_as_new = None
                    if workflow.patched("begins-anew"):
                        given, since = self._answers.given, self._answers.since
                        renew(replace(self._life, undo=self._cause, since=since, answers=given))
            except asyncio.CancelledError:
                if (current := asyncio.current_task()) is not None:
                    current.uncancel()
                accepted = self.request_cancel("cancelled_by_operator", "cancelled on Temporal")
                self._life = replace(self._life, by_temporal=self._life.by_temporal or accepted)
        return task.result()

    def _is_to_begin_anew(self) -> bool:
        """Whether to go on in a later life: the history is long, and nothing is at work.

        Only what it is sent makes it long. What this life has done is found in the barriers.
        """
        if self._continue_as_new is None or not workflow.info().is_continue_as_new_suggested():
            return False
        waits = self._journal.waits() and workflow.all_handlers_finished()
        return waits or self._duties.is_waiting()
