"""Runs one schedule: starts the saga, lets the faults strike, plays the operator, and judges."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import TerminatedError
from temporalio.service import RPCError

from saga.step import activity_name
from saga.stretch.planning import find_stretches
from saga.verify.cases import Case, Ending
from saga.verify.environment.environment import Environment
from saga.verify.faults import Fault, InjectionPoint, Schedule, WorkerMode
from saga.verify.injection import behaviours as attempts
from saga.verify.injection.attempt import Behaviour
from saga.verify.injection.rerun_behaviours import EARLIER
from saga.verify.injection.resolved_attempts import SPOKEN
from saga.verify.injection.run_state import END, RunState
from saga.verify.injection.simulated_operator import operate
from saga.verify.injection.workflow_reset import failed_tasks, reset
from saga.verify.kinds import Kind
from saga.verify.subject import Subject

PATIENCE = 180.0
TOMBSTONE = "already_compensated"  # the code of what it refuses
GIVEN_UP = "the workflow was terminated"
TASK_TIMEOUT = timedelta(seconds=5)  # as the API has it
SOON = timedelta(seconds=2)  # of a task that will be lost, a dozen times on the fast path


@dataclass
class Result:
    """What came of a schedule. `violations` is empty if all is well; `unreached` likewise.

    `cut_from` is the longer schedule that failed first, if this is the shortest part that does.
    """

    schedule: Schedule
    violations: list[str] = field(default_factory=list)
    unreached: list[Fault] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    calls: list[InjectionPoint] = field(default_factory=list)
    seconds: float = 0.0
    cut_from: Schedule | None = None


class Run:
    """One run of a subject under a schedule."""

    def __init__(self, environment: Environment, subject: Subject, schedule: Schedule) -> None:
        self._environment = environment
        self._subject = subject
        undoing = {
            step.name: activity_name(step.compensation)
            for step in subject.steps
            if step.compensation
        }
        self._state = RunState(schedule, undoing, {**BEHAVIOURS, **subject.extension.behaviours})

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """Of the newest run of the workflow, once it is started."""
        return self._state.controller.handle

    async def result(self) -> Result:
        """Run it to its end, and past it."""
        began, state = time.monotonic(), self._state
        try:
            violations = await self._violations()
        except Exception as error:  # noqa: BLE001 - whatever it is, this schedule brought it up
            violations = [f"the verifier failed: {error!r}"]
        schedule = state.schedule
        unreached = [fault for fault in state.faults if fault not in state.fired]
        seconds = time.monotonic() - began
        return Result(schedule, violations, unreached, state.diary, state.calls, seconds)

    async def _violations(self) -> list[str]:
        state, case = self._state, await self._make_case()
        async with self._underway(case):
            self._ended = await self._await_ending()
            late = bool(state.bodies)  # some may land while it is judged, between two questions
            found = await self._judge_as(case, "at the end")
            self._note_lost_tasks(case)
            if late or state.bodies:
                await state.wait_until_landed()
                found += await self._judge_as(case, "when all has landed")
            for fault in state.schedule.faults:
                found += await self._after(case, fault)
            if state.controller.judges_at_last:
                found += [
                    f"in the end: {violation}"
                    for violation in await state.controller.judge_at_last(self._ended)
                ]
            found += state.wrong
        return list(dict.fromkeys(found))

    async def reach_end(self, case: Case) -> Ending:
        """Run a case that somebody else has made, and judges, until all of it has landed."""
        async with self._underway(case):
            ending = await self._await_ending()
            await self._state.wait_until_landed()
        return ending

    @asynccontextmanager
    async def _underway(self, case: Case) -> AsyncIterator[None]:
        """It is started and has its operator; at the end, nothing of it goes on."""
        state, environment = self._state, self._environment
        environment.injector.states[case.workflow_id] = state
        controller = self._subject.extension.controller(environment, self._subject, case, state)
        state.controller = controller
        # A fault may strike before the start is answered.
        controller.handle = environment.client.get_workflow_handle(case.workflow_id)
        controller.handle = await self._start(case)
        operator = asyncio.create_task(operate(state))
        try:
            yield
        finally:
            operator.cancel()
            state.reach(END)
            controller.leave()
            environment.injector.states.pop(case.workflow_id)

    async def _make_case(self) -> Case:
        path, stretch = self._state.schedule.path, self._subject.stretch
        case = await self._subject.make(self._environment.world, path.is_fast)
        if stretch is not None and path.is_stretch:
            case = replace(case, argument=stretch(case.argument))
        return case

    async def _judge_as(self, case: Case, when: str) -> list[str]:
        return [f"{when}: {violation}" for violation in await self._judge(case, self._ended)]

    def _note_lost_tasks(self, case: Case) -> None:
        # Calls side by side may have one task, and those of a stretch have.
        together = [*self._subject.definition.stages]
        if self._state.schedule.path.is_stretch:
            together += find_stretches(self._subject.definition).values()
        beside = sum(len(steps) - 1 for steps in together)
        if self._environment.lost_tasks.count[case.workflow_id] >= len(self._state.calls) - beside:
            for fault in self._state.schedule.faults:
                if fault.kind is Kind.WORKER_LOST:
                    self._state.fire(fault)

    async def _start(self, case: Case) -> WorkflowHandle[Any, Any]:
        return await self._environment.client.start_workflow(
            self._subject.workflow.run,
            case.argument,
            id=case.workflow_id,
            task_queue=self._environment.queue(self._state.schedule.mode),
            task_timeout=SOON if self._state.schedule.mode is WorkerMode.LOST else TASK_TIMEOUT,
        )

    async def _await_ending(self) -> Ending:
        """Wait for the end. A workflow that is stuck is ended, so that it disturbs nobody."""
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await self._outcome()
                await self._state.controller.wait_for_answers()
        except WorkflowFailureError as error:
            await self._state.controller.wait_for_answers()
            status = (await self.handle.describe()).status
            if status is WorkflowExecutionStatus.CANCELED:
                return self._make_ending("cancelled", "Canceled")
            if isinstance(error.cause, TerminatedError):
                return self._make_ending(None, GIVEN_UP)
            return self._make_ending(None, f"the workflow failed: {error.cause}")
        except TimeoutError:
            self._state.diary += await failed_tasks(self.handle)
            with contextlib.suppress(RPCError):
                await self.handle.terminate("stuck")
            return self._make_ending(None, f"the workflow was open after {PATIENCE:.0f} s")
        reason = getattr(getattr(outcome, "reason", None), "code", "no reason")
        return self._make_ending(self._subject.status(outcome), f"Completed, {reason}")

    async def _outcome(self) -> object:
        """The result of the last run: one that a fault has terminated is followed by another."""
        while True:
            try:
                return await self.handle.result()
            except WorkflowFailureError as error:
                if not isinstance(error.cause, TerminatedError):
                    raise
                if not await self._state.controller.wait_for_successor():
                    raise

    def _make_ending(self, status: str | None, how: str) -> Ending:
        state = self._state
        state.say(f"the workflow ended: {how}, {status}")
        return state.controller.ending(status, how)

    async def _judge(self, case: Case, ending: Ending) -> list[str]:
        was_ended = self._state.given_up and ending.how == GIVEN_UP
        found = [] if ending.status or was_ended else [ending.how]
        if ending.how.endswith(f", {TOMBSTONE}"):
            found.append("it takes its own tombstone's refusal for the reason of its end")
        if self._state.controller.judges_at_last:
            return found
        expected = self._state.schedule.expects
        if expected and self._state.controller.unheard:  # it was done before it heard of a cancel
            expected = expected | {self._subject.completed}
        if ending.status and expected and ending.status not in expected:
            found.append(f"ended as {ending.status}, not as {' or '.join(sorted(expected))}")
        for invariant in self._subject.invariants:
            found += await invariant(self._environment.world, case, ending)
        return found

    async def _after(self, case: Case, fault: Fault) -> list[str]:
        """What a fault does that strikes after the end; all must be as before."""
        state, controller = self._state, self._state.controller
        if fault.kind is Kind.RESET:
            controller.handle = await reset(
                self._environment.client, controller.handle, fault.point.activity
            )
            state.fire(fault)
            self._ended = await self._await_ending()
            return await self._judge_as(case, "after the reset")
        if again := await controller.strike_after(fault):
            return await self._judge_as(case, again)
        return []


BEHAVIOURS: dict[StrEnum, Behaviour] = {**attempts.BEHAVIOURS, **EARLIER, **SPOKEN}
