"""Runs one schedule: starts the saga, lets the faults strike, plays the operator, and judges."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import TerminatedError
from temporalio.service import RPCError

from saga.step import activity_name
from saga.verify.cases import Case, Ending
from saga.verify.environment.environment import Environment
from saga.verify.faults import Fault, Mode, Path, Schedule, Site
from saga.verify.injection import behaviours as attempts
from saga.verify.injection.behaviours import Behaviour
from saga.verify.injection.rerun_behaviours import EARLIER
from saga.verify.injection.resolved_attempts import SPOKEN
from saga.verify.injection.run_state import END, Script
from saga.verify.injection.simulated_operator import operate
from saga.verify.injection.workflow_reset import failed_tasks, reset
from saga.verify.kinds import Kind
from saga.verify.subject import Subject

PATIENCE = 180.0
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
    calls: list[Site] = field(default_factory=list)
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
        self._script = Script(schedule, undoing, {**BEHAVIOURS, **subject.extension.behaviours})

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """Of the newest run of the workflow, once it is started."""
        return self._script.stage.handle

    async def result(self) -> Result:
        """Run it to its end, and past it."""
        began, script = time.monotonic(), self._script
        try:
            violations = await self._violations()
        except Exception as error:  # noqa: BLE001 - whatever it is, this schedule brought it up
            violations = [f"the verifier failed: {error!r}"]
        schedule = script.schedule
        unreached = [fault for fault in script.faults if fault not in script.fired]
        seconds = time.monotonic() - began
        return Result(schedule, violations, unreached, script.diary, script.calls, seconds)

    async def _violations(self) -> list[str]:
        script, environment = self._script, self._environment
        case = await self._subject.make(environment.world, script.schedule.path is Path.FAST)
        environment.injector.scripts[case.workflow_id] = script
        stage = self._subject.extension.stage(environment, self._subject, case, script)
        script.stage = stage
        stage.handle = await self._start(case)
        operator = asyncio.create_task(operate(script))
        try:
            found = await self._judged(case, "at the end")
            self._note_losses(case)
            if script.bodies:
                await script.settled()
                landed = await self._judge(case, self._ended)
                found += [f"when all has landed: {violation}" for violation in landed]
            for fault in script.schedule.faults:
                found += await self._after(case, fault)
            if stage.judges_at_last:
                found += [
                    f"in the end: {violation}"
                    for violation in await stage.judge_at_last(self._ended)
                ]
            found += script.wrong
        finally:
            operator.cancel()
            script.reach(END)
            stage.leave()
            environment.injector.scripts.pop(case.workflow_id)
        return list(dict.fromkeys(found))

    async def _judged(self, case: Case, when: str) -> list[str]:
        self._ended = await self._ending()
        return [f"{when}: {violation}" for violation in await self._judge(case, self._ended)]

    def _note_losses(self, case: Case) -> None:
        # Calls side by side may have one task.
        beside = sum(len(stage) - 1 for stage in self._subject.definition.stages)
        if self._environment.losses.count[case.workflow_id] >= len(self._script.calls) - beside:
            for fault in self._script.schedule.faults:
                if fault.kind is Kind.WORKER_LOST:
                    self._script.fire(fault)

    async def _start(self, case: Case) -> WorkflowHandle[Any, Any]:
        return await self._environment.client.start_workflow(
            self._subject.workflow.run,
            case.argument,
            id=case.workflow_id,
            task_queue=self._environment.queue(self._script.schedule.mode),
            task_timeout=SOON if self._script.schedule.mode is Mode.LOST else TASK_TIMEOUT,
        )

    async def _ending(self) -> Ending:
        """Wait for the end. A workflow that is stuck is ended, so that it disturbs nobody."""
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await self._outcome()
                await self._script.stage.answered()
        except WorkflowFailureError as error:
            await self._script.stage.answered()
            status = (await self.handle.describe()).status
            if status is WorkflowExecutionStatus.CANCELED:
                return self._said("cancelled", "Canceled")
            if isinstance(error.cause, TerminatedError):
                return self._said(None, GIVEN_UP)
            return self._said(None, f"the workflow failed: {error.cause}")
        except TimeoutError:
            self._script.diary += await failed_tasks(self.handle)
            with contextlib.suppress(RPCError):
                await self.handle.terminate("stuck")
            return self._said(None, f"the workflow was open after {PATIENCE:.0f} s")
        reason = getattr(getattr(outcome, "reason", None), "code", "no reason")
        return self._said(self._subject.status(outcome), f"Completed, {reason}")

    async def _outcome(self) -> object:
        """The result of the last run: one that a fault has terminated is followed by another."""
        while True:
            try:
                return await self.handle.result()
            except WorkflowFailureError as error:
                if not isinstance(error.cause, TerminatedError):
                    raise
                if not await self._script.stage.goes_on():
                    raise

    def _said(self, status: str | None, how: str) -> Ending:
        script = self._script
        script.say(f"the workflow ended: {how}, {status}")
        return script.stage.ending(status, how)

    async def _judge(self, case: Case, ending: Ending) -> list[str]:
        was_ended = self._script.given_up and ending.how == GIVEN_UP
        found = [] if ending.status or was_ended else [ending.how]
        if self._script.stage.judges_at_last:
            return found
        expected = self._script.schedule.expects
        if expected and self._script.stage.unheard:  # it was done before it heard of a cancel
            expected = expected | {self._subject.completed}
        if ending.status and expected and ending.status not in expected:
            found.append(f"ended as {ending.status}, not as {' or '.join(sorted(expected))}")
        for invariant in self._subject.invariants:
            found += await invariant(self._environment.world, case, ending)
        return found

    async def _after(self, case: Case, fault: Fault) -> list[str]:
        """What a fault does that strikes after the end; all must be as before."""
        script, stage = self._script, self._script.stage
        if fault.kind is Kind.RESET:
            stage.handle = await reset(self._environment.client, stage.handle, fault.site.activity)
            script.fire(fault)
            return await self._judged(case, "after the reset")
        if again := await stage.strike_after(fault):
            return [f"{again}: {violation}" for violation in await self._judge(case, self._ended)]
        return []


BEHAVIOURS: dict[StrEnum, Behaviour] = {**attempts.BEHAVIOURS, **EARLIER, **SPOKEN}
