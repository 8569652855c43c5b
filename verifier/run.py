"""Runs one schedule: starts the saga, lets the faults strike, plays the operator, and judges."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import TerminatedError
from temporalio.service import RPCError, RPCStatusCode

from saga.step import activity_name
from verifier.faults import Fault, Kind, Mode, Path, Schedule, Site, Way
from verifier.operator import LOOK, operate
from verifier.resets import FIRST, reset
from verifier.script import END, Script
from verifier.subject import Case, Ending, Subject
from verifier.world import World

PATIENCE = 180.0
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

    def __init__(self, world: World, subject: Subject, schedule: Schedule) -> None:
        self._world = world
        self._subject = subject
        undoing = {
            it.name: activity_name(it.compensation) for it in subject.steps if it.compensation
        }
        self._script = Script(schedule, undoing, self)
        self._accepted = False
        self._unheard = False
        self._asking: set[asyncio.Task[None]] = set()
        self._resets: list[asyncio.Event] = []
        self._case: Case | None = None
        self._handle: WorkflowHandle[object, object] | None = None

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
        fast = self._script.schedule.path is Path.FAST
        self._case = case = await self._subject.make(self._world, fast)
        self._world.injector.scripts[case.workflow_id] = self._script
        await self._start(case)
        operator = asyncio.create_task(operate(self._script, lambda: self.handle))
        try:
            ending = await self._ending()
            found = [f"at the end: {it}" for it in await self._judge(case, ending)]
            self._note_losses(case)
            if self._script.bodies:
                await self._script.settled()
                landed = await self._judge(case, ending)
                found += [f"when all has landed: {it}" for it in landed]
            for fault in self._script.schedule.faults:
                if fault.kind is Kind.RESET:
                    found += await self._reset(case, fault)
        finally:
            operator.cancel()
            self._script.reach(END)
            for asking in self._asking:
                asking.cancel()
            self._world.injector.scripts.pop(case.workflow_id)
        return list(dict.fromkeys(found))

    def _note_losses(self, case: Case) -> None:
        if self._world.losses.count[case.workflow_id] >= len(self._script.calls):
            for fault in self._script.schedule.faults:
                if fault.kind is Kind.WORKER_LOST:
                    self._script.fire(fault)

    async def _start(self, case: Case) -> None:
        self._handle = await self._world.client.start_workflow(
            self._subject.workflow.run,
            case.argument,
            id=case.workflow_id,
            task_queue=self._world.queue(self._script.schedule.mode),
            task_timeout=SOON if self._script.schedule.mode is Mode.LOST else TASK_TIMEOUT,
        )

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        """The workflow, once started."""
        if self._handle is None:
            raise RuntimeError("the run has not been started")
        return self._handle

    async def _ending(self) -> Ending:
        """Wait for the end. A workflow that is stuck is ended, so that it disturbs nobody."""
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await self._outcome()
                await asyncio.gather(*self._asking)  # which tells whether a cancel was accepted
        except WorkflowFailureError as error:
            await asyncio.gather(*self._asking)
            status = (await self.handle.describe()).status
            if status is WorkflowExecutionStatus.CANCELED:
                return self._said("cancelled", "Canceled")
            return self._said(None, f"the workflow failed: {error.cause}")
        except TimeoutError:
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
                if not isinstance(error.cause, TerminatedError) or not self._resets:
                    raise
                await self._resets.pop().wait()

    def _said(self, status: str | None, how: str) -> Ending:
        self._script.say(f"the workflow ended: {how}, {status}")
        return Ending(status, how, self._accepted)

    async def _judge(self, case: Case, ending: Ending) -> list[str]:
        found = [] if ending.status else [ending.how]
        expected = self._script.schedule.expects
        if expected and self._unheard:  # the workflow was done before it heard of a cancel
            expected = expected | {self._subject.completed}
        if ending.status and expected and ending.status not in expected:
            found.append(f"ended as {ending.status}, not as {' or '.join(sorted(expected))}")
        for invariant in self._subject.invariants:
            found += await invariant(self._world, case, ending)
        return found

    async def _reset(self, case: Case, fault: Fault) -> list[str]:
        """Reset the finished run to where it scheduled the site; all must be as before."""
        self._handle = await reset(self._world.client, self.handle, fault.site.activity)
        self._script.fire(fault)
        ending = await self._ending()
        return [f"after the reset: {it}" for it in await self._judge(case, ending)]

    async def ask(self, way: Way) -> None:
        """A cancel, and its answer. The run's end waits for that too, if whoever asks is lost."""
        await asyncio.shield(self._ask_aside(way))

    async def _ask(self, way: Way) -> None:
        if way is Way.TEMPORAL:
            await self.handle.cancel()
            await self._cancel_is_processed()
            self._script.say("cancelled by Temporal")
            return
        try:
            await self._cancel_as_a_customer()
        except WorkflowUpdateFailedError as refused:
            self._script.say(f"the customer's cancel was refused: {refused.cause}")
        except RPCError as gone:
            self._unheard = True
            self._script.say(f"the customer's cancel found no workflow: {gone}")
        else:
            self._accepted = True
            self._script.say("the customer's cancel was accepted")

    async def _cancel_as_a_customer(self) -> None:
        """Until there is an answer: what cannot be asked now is asked again, as of our API."""
        asked = str(uuid4())
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.handle.execute_update("cancel", self._subject.cancel, id=asked)
                except RPCError as error:
                    if error.status is RPCStatusCode.NOT_FOUND:
                        raise
                    await asyncio.sleep(LOOK)
                else:
                    return

    async def refuse(self, activity: str) -> None:
        """Change what the service decides by."""
        if self._case is not None:
            await self._subject.refusals[activity](self._world, self._case)

    def lose(self, way: Way | None) -> None:
        """Have the task lost that goes on, and send the cancel that ends it."""
        self._world.losses.doom(self.handle.id, way)
        if way is not None:
            self._ask_aside(way)

    async def end_and_reset(self, way: Way | None) -> None:
        """Terminate the run; the new one does nothing before it knows of the cancel."""
        done = asyncio.Event()
        self._resets.append(done)
        await self.handle.terminate("by the verifier")
        self._script.say("terminated")
        if way is not None:
            self._world.losses.doom(self.handle.id, way)
        self._handle = await reset(self._world.client, self.handle, FIRST)
        self._script.say("reset to its first task")
        if way is not None:
            self._ask_aside(way)
        done.set()

    def _ask_aside(self, way: Way) -> asyncio.Task[None]:
        asking = asyncio.create_task(self._ask(way))
        self._asking.add(asking)
        return asking

    async def _cancel_is_processed(self) -> None:
        asked = False
        async for event in self.handle.fetch_history_events(wait_new_event=True):
            asked = asked or (
                event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
            )
            if asked and event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return
