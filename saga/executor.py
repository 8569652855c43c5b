"""Runs a saga's steps forward, and has them undone when it must be.

How cancellation works, since every part below depends on it. The forward path runs in a task of
its own. A customer's cancel, Temporal's own and the deadline all end in `_abort`, which notes the
cause and cancels that task, whatever it awaits; after the pivot it does nothing. The main task and
the compensations are never cancelled: `_finish` waits for them through any cancellation. Bugs are
not failures: they pass through and fail the workflow task, and so does eviction.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from saga.activity_execution import ActivityExecutor
from saga.compensation import Compensator
from saga.definition import SagaDefinition
from saga.earlier_runs import ContinueAsNew, EarlierRuns, has_earlier_run_by
from saga.messages import (
    Call,
    FailureCause,
    FailureKind,
    Outcome,
    Role,
    cause_of,
    find_pending,
    is_rejection,
)
from saga.progress import FORWARD as GOING_FORWARD
from saga.progress import Progress
from saga.retriable_calls import LoadResolutions, OnBlocked, RetriableCalls
from saga.step import FORWARD, Step, StepKind
from saga.stretch.execution import StretchExecutor
from saga.stretch.planning import Steps, find_stretches
from saga.view import SagaState, SagaView, StepState
from saga.waiting.answers import SHORTLY, Answers
from saga.waiting.outcomes import AwaitedOutcomes, OnPending

# Events of a history, which who has forgotten the saga replays in a second: a task has ten.
LONG = 1_000
C = TypeVar("C")
R = TypeVar("R")
Forward = Callable[[], Coroutine[Any, Any, None]]


class StepFailedError(Exception):
    """A step's failure on its way from `step` to `run`, with the cause that it is."""

    def __init__(self, cause: FailureCause) -> None:
        super().__init__(cause.detail)
        self.cause = cause


class Executor:
    """What `Saga` is made of: its forward path, its cancellation and its end.

    `on_blocked`, if given, is awaited for every BlockedStepEvent, side by side with the saga, and
    before its end.
    `on_pending`, if given, is awaited when a step begins to wait for an outcome, and by the step.
    `fast_path`: try each activity where the workflow runs first. `own_queue`: run those that are
    not on the workflow's queue, and not on their step's. `earlier_runs`: the saga has run before.
    `stretch`: attempt consecutive steps by one activity first (`saga.stretch`), where the workflow
    runs or on its queue; so its workers have all activities, and the StretchPlugin.
    `words_first`: what follows a step that an operator resolved waits until that is on record.
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
        on_pending: OnPending | None = None,
        load_resolutions: LoadResolutions | None = None,
        continue_as_new: ContinueAsNew | None = None,
        fast_path: bool = False,
        own_queue: bool = False,
        stretch: bool = False,
        words_first: bool = False,
        earlier_runs: EarlierRuns | None = None,
        searchable: bool = False,
    ) -> None:
        self._definition = definition
        self._plan = definition.plan(given)
        self._pivots = [step for step in definition if step.kind is StepKind.PIVOT]
        self._progress = Progress(
            workflow.info().workflow_id,
            [*definition],
            batched=fast_path or own_queue,
            searchable=searchable,
        )
        self._activities = ActivityExecutor(fast_path, self._progress.flush, own_queue=own_queue)
        later = earlier_runs is not None
        stretches = find_stretches(definition) if stretch and not later else {}
        self._stretches = StretchExecutor(self.view.saga_id, stretches, fast_path)
        self._calls = RetriableCalls(
            self._activities, self._progress, on_blocked, load_resolutions, later, words_first
        )
        self._untracked = fast_path or later  # effects that no run has in its history
        self._compensator = Compensator(
            self._plan, self._progress, self._calls, untracked=self._untracked
        )
        self._continue_as_new = continue_as_new
        self._runs = deepcopy(earlier_runs) or EarlierRuns()  # what a later one has to know by now
        self._answers = Answers(self._plan, self._progress, self._runs)
        self._outcomes = AwaitedOutcomes(self._progress, self._runs, on_pending)
        self._forward: asyncio.Task[None] | None = None
        self._abortion = self._runs.undo
        self._committed = self._runs.landed
        self._undoable: bool | None = None  # what the pivot's fence said, once it was asked

    @property
    def view(self) -> SagaView:
        """Where the saga stands."""
        return self._progress.view

    @property
    def cancellable(self) -> bool:
        """Whether a cancel would still be honoured: neither past the pivot nor being undone."""
        return not self._committed and self.view.state in GOING_FORWARD

    def request_cancel(self, code: str, detail: str) -> bool:
        """Undo the saga if that is still possible; False if it is too late."""
        return self._abort(FailureCause(FailureKind.CANCELLED, code, detail))

    async def run(self, forward: Forward | None = None) -> Outcome:
        """Run all steps in order, or `forward`, which calls `step` for each; or undo what it began.

        Ends with the saga completed or every compensation done. Fails as `UnsoundSaga` if
        something that is no step fails past the pivot, where nothing may be undone any more.
        """
        forward = forward or self._run_steps
        cause = self._runs.undo = await self._try(forward, self._definition.deadline)
        if cause is not None and not self._committed:
            self.view.called_off = cause.code
            self._progress.enter(SagaState.COMPENSATING)
            await self._finish(self._end_task())
            self._undoable = not await self._finish(self._pivot_landed())
            if not self._undoable:
                # An earlier run of this saga, or of this task, went past the pivot. So must we.
                self._committed, self._runs.landed = True, True
                self._stretches.done.clear()
                self._abortion = self._runs.undo = None
                self._progress.enter(SagaState.RUNNING)
                cause = await self._try(forward, None)
        if cause is not None and self._committed:
            detail = f"unsound saga: past its pivot, {cause.step} failed: {cause.detail}"
            raise ApplicationError(detail, type="UnsoundSaga", non_retryable=True)
        undone = {} if cause is None else await self._finish(self._compensator.undo_all(cause))
        await self._finish(self._calls.wait_until_recorded())
        self._progress.enter(SagaState.COMPLETED if cause is None else SagaState.COMPENSATED)
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
        step, command = self._plan[step.for_generation(generation).name]
        if step.name in self._stretches.done:
            return cast("R", None)  # stretches are of `_run_steps`, which wants no reply
        if self._runs.landed and step.kind is StepKind.READ:
            self._progress.mark(step, StepState.SKIPPED)
            return cast("R", None)
        self._compensator.begun.append(step.name)
        must_succeed = self._committed or step.kind is StepKind.RETRIABLE
        self._committed = self._committed or step.kind is StepKind.PIVOT
        self._progress.mark(step, StepState.RUNNING)
        call = Call(self.view.saga_id, step.name)
        if must_succeed:
            parkable = self._calls.add(step, Role.ACTION, call, command)
            return cast("R", await self._calls.run(parkable, StepState.DONE))
        reply: R = await self._attempt(step, call, command)
        self._progress.mark(step, StepState.DONE)
        return reply

    async def _attempt(self, step: Step[C, R], call: Call, command: C) -> R:
        """An action before or at the pivot. StepFailedError, or CancelledError if called off."""
        try:
            reply = await self._outcomes.decide(
                step, command, lambda: self._act(step, call, command)
            )
            if step.awaits is not None:
                await self._answers.wait(step, step.awaits)
        except asyncio.CancelledError:
            self._progress.mark(step, StepState.FAILED, "cancelled")
            raise
        except FailureError as error:
            cause = cause_of(error, step.name)
            self._progress.mark(step, StepState.FAILED, cause.detail)
            if step.kind is StepKind.PIVOT:  # one that is refused binds nobody
                self._committed = False
            raise StepFailedError(cause) from error
        return reply

    async def _act(self, step: Step[C, R], call: Call, command: C) -> R:
        """Its reply, or what the probe says landed. Only the pivot is retried without limit."""
        try:
            if step.kind is StepKind.PIVOT:
                pivot = self._calls.add(step, Role.ACTION, call, command, refusable=True)
                return cast("R", await pivot.run_until_done())
            done = self._activities.execute(
                step,
                step.action,
                (call, command),
                retry=FORWARD,
                patience=step.patience,
                summary=step.summary(command) if step.summary else "",
            )
            return cast("R", await done)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from error
            if step.probe is None or is_rejection(error) or find_pending(error):
                raise
            landed = await self._calls.add(step, Role.PROBE, call, command).run_until_done()
            if landed is None:
                raise
            return cast("R", landed)

    def _abort(self, cause: FailureCause) -> bool:
        if not self.cancellable:
            return False
        if self._abortion is None:
            self._abortion = cause
            if self._forward is not None:
                self._forward.cancel()
        return self._abortion.ending is cause.ending  # if not, it ends as something else

    async def _run_steps(self) -> None:
        for steps in self._definition.stages:
            await self._attempt_stretch(self._stretches.stretches.get(steps[0].name, ()))
            if len(steps) == 1:
                await self._run_each(*steps)
            else:
                await gather_or_cancel([self._run_each(step) for step in steps])

    async def _run_each(self, step: Step[Any, Any]) -> None:
        generation = 1
        while step.for_generation(generation).name in self._plan:
            await self.step(step, generation=generation)
            generation += 1

    async def _attempt_stretch(self, steps: Steps) -> None:
        """Have one activity attempt these steps; `step` goes on from what came of them.

        All count as begun before it is asked for. Those that it says it has not reached do not.
        An operator's word of an earlier run is heeded step by step only.
        """
        if not steps or self._committed or has_earlier_run_by(f"no-stretch-from-{steps[0].name}"):
            return
        before = len(self._compensator.begun)
        self._compensator.begun += [step.name for step in steps]
        self._progress.mark(steps[0], StepState.RUNNING)
        try:
            reply = await self._stretches.attempt(
                steps, [self._plan[step.name][1] for step in steps]
            )
        except (asyncio.CancelledError, FailureError) as error:
            self._progress.mark(steps[0], StepState.FAILED, "cancelled")
            raise asyncio.CancelledError from error
        if reply is not None:
            del self._compensator.begun[before + len(reply.attempts) :]
            self._progress.show_stretch([step.name for step in steps], reply)
            if reply.unclean is not None:
                ended_at = steps[len(reply.clean)].name
                self._activities.take_up(ended_at, reply.unclean.refusal)
        if self._abortion is not None:  # whether the pivot has landed is for its fence to say
            raise asyncio.CancelledError
        done = (step.kind for step in steps if step.name in self._stretches.done)
        self._committed = StepKind.PIVOT in done

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
                detail = "a step was cancelled"
                failure = FailureCause(FailureKind.CANCELLED, "cancelled_by_operator", detail)
            if timer is not None:
                timer.cancel()
        # An accepted cancel wins over whatever else happened: somebody was told so.
        cause = self._abortion or failure
        self._committed = self._committed or cause is None
        return cause

    async def _expire(self, deadline: timedelta) -> None:
        now = workflow.now()
        until = self._runs.deadline = self._runs.deadline or (now + deadline).isoformat()
        left = max(datetime.fromisoformat(until) - now, SHORTLY)
        await workflow.sleep(left, summary="deadline")
        detail = f"not done in {deadline}"
        self._abort(FailureCause(FailureKind.TIMED_OUT, "deadline_exceeded", detail))

    async def _end_task(self) -> None:
        """Let the workflow's task end before what was called off is undone, if need be.

        An attempt of it on its queue would run into its tombstone, and end within the very task
        that undoes it. If that task closes the workflow, the server refuses it then, and drops the
        Update that it brought: undone, and nobody is told so.
        """
        left = self._activities.left_fast_path
        if self._abortion and left and workflow.patched("a-cancel-goes-on-record"):
            await workflow.sleep(SHORTLY, summary="cancelled")

    async def _pivot_landed(self) -> bool:
        """Refuse a pivot that has not landed yet, in any run of this saga; True if it had."""
        for step in self._pivots:
            call = Call(self.view.saga_id, step.name)
            if await self._calls.add(step, Role.FENCE, call).run_until_done():
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
                        renew(self._runs)
            except asyncio.CancelledError:
                if (current := asyncio.current_task()) is not None:
                    current.uncancel()
                if self.request_cancel("cancelled_by_operator", "cancelled on Temporal"):
                    self._runs.by_temporal = True
        return task.result()

    def _is_to_begin_anew(self) -> bool:
        """Whether to go on in a later run: the history is long, and nothing is at work.

        Only what it is sent makes it long. What this run has done is found in the barriers. If
        there is no rest till Temporal asks for a later run, attempts at work are given up.
        """
        if self._continue_as_new is None:
            return False
        info = workflow.info()
        asked = info.is_continue_as_new_suggested()
        long = info.get_current_history_length() >= LONG
        if not (asked or (long and workflow.patched("begins-anew-at-rest"))):
            return False
        waits = self._progress.is_only_waiting() and workflow.all_handlers_finished()
        return waits or self._calls.only_operators_can_go_on(at_rest=not asked)


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
