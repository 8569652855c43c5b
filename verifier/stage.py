"""What a fault may do to the run that it strikes, beside what it does to the attempt."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.executions import described
from verifier.audits import audit
from verifier.bystanders import Bystanders
from verifier.faults import Fault
from verifier.groups import AUDITED
from verifier.kinds import Way
from verifier.resets import FIRST, reset
from verifier.script import Script
from verifier.subject import Case, Subject
from verifier.world import World

BOUND = 180.0
LOOK = 0.5


class Stage(Bystanders):
    """One run, seen by its faults. `handle` is of the workflow's newest run.

    `accepted`: a customer's cancel was; `unheard`: there was no workflow any more to hear it.
    """

    def __init__(self, world: World, subject: Subject, case: Case, script: Script) -> None:
        super().__init__(world, subject, case, script)
        self.unheard = False
        self._ended_once = False
        self._aside: set[asyncio.Task[Any]] = set()
        self._successors: list[asyncio.Event] = []

    async def answered(self) -> None:
        """Until all has come to its end that goes on beside the saga."""
        await asyncio.gather(*self._aside)

    def leave(self) -> None:
        """Let nothing go on."""
        for task in self._aside:
            task.cancel()

    async def is_open(self) -> bool:
        """Whether its newest run can be spoken to: it may have been ended, and not begun again."""
        if not self._ended_once:
            return True
        stands = await described(self.world.client, self.handle.id)
        return stands is not None and stands.is_open

    async def goes_on(self) -> bool:
        """Wait for the run after one that was terminated; False if there is to be none."""
        if not self._successors:
            return False
        await self._successors.pop().wait()
        return True

    def beside(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Have it done beside the attempt; the run's end waits for it."""
        task = asyncio.create_task(work)
        self._aside.add(task)
        return task

    async def ask(self, way: Way) -> None:
        """A cancel; returns when it is processed. It is so even if whoever asks is lost."""
        await asyncio.shield(self.beside(self._ask(way)))

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
            self.unheard = True
            self._script.say(f"the customer's cancel found no workflow: {gone}")
        else:
            self.accepted = True
            self._script.say("the customer's cancel was accepted")

    async def _cancel_as_a_customer(self) -> None:
        """Until there is an answer: what cannot be asked now is asked again, as of our API."""
        asked = str(uuid4())
        async with asyncio.timeout(BOUND):
            while True:
                try:
                    await self.handle.execute_update("cancel", self._subject.cancel, id=asked)
                except RPCError as error:
                    if error.status is RPCStatusCode.NOT_FOUND:
                        raise
                    await asyncio.sleep(LOOK)
                else:
                    return

    async def _cancel_is_processed(self) -> None:
        asked = False
        async for event in self.handle.fetch_history_events(wait_new_event=True):
            asked = asked or (
                event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
            )
            if asked and event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return

    async def refuse(self, activity: str) -> None:
        """Have an activity's service refuse it from now on."""
        await self._subject.refusals[activity](self.world, self.case)

    def lose(self, way: Way | None) -> None:
        """Lose the workflow task that goes on; and all, until one knows of a cancel, sent now."""
        self.world.losses.doom(self.handle.id, way)
        if way is not None:
            self.beside(self._ask(way))

    def hold_until_updates(self, number: int) -> None:
        """Lose all tasks until one brings so many Updates at once."""
        self.world.losses.doom(self.handle.id, Way.CUSTOMER, number)

    async def end_and_reset(self, way: Way | None) -> None:
        """Terminate the run; the new one does nothing before it knows of the cancel."""
        done = await self._terminate()
        if way is not None:
            self.world.losses.doom(self.handle.id, way)
        self.handle = await reset(self.world.client, self.handle, FIRST)
        self._script.say("reset to its first task")
        if way is not None:
            self.beside(self._ask(way))
        done.set()

    async def end_and_audit(self, times: int = 1) -> None:
        """Terminate the run; audits of this order, at once and beside us, carry its saga on."""
        self.beside(self._audited(await self._terminate(), times))

    async def _audited(self, done: asyncio.Event, times: int) -> None:
        self.handle = self.world.client.get_workflow_handle(
            self.handle.id, result_type=self.handle._result_type
        )
        reports = await asyncio.gather(*(audit(self.world, self.case) for _ in range(times)))
        for report in reports:
            self._script.say(f"audited: {report.model_dump_json()}")
        done.set()

    async def end_and_reset_beside_an_audit(self) -> None:
        """Terminate the run; beside us it is reset when an audit has found it, not repaired yet."""
        self.beside(self._reset_beside_an_audit(await self._terminate()))

    async def _reset_beside_an_audit(self, done: asyncio.Event) -> None:
        async def between() -> None:
            if not done.is_set():
                self.handle = await reset(self.world.client, self.handle, FIRST)
                self._script.say("reset to its first task")
                done.set()

        report = await audit(self.world, self.case, between=between)
        self._script.say(f"audited: {report.model_dump_json()}")
        if not done.is_set():
            self._script.wrong.append(f"an audit did not find what was terminated: {report}")
            await between()

    async def outlive(self, fault: Fault) -> None:
        """End this life of the saga as the fault has it; the next one begins."""
        self._script.over.add(fault)
        self._script.outlive(fault)
        if fault.life in AUDITED:
            await self.end_and_audit()
        else:
            await self.end_and_reset(None)

    async def _terminate(self) -> asyncio.Event:
        done = asyncio.Event()
        self._successors.append(done)
        self._ended_once = True
        await self.handle.terminate("by the verifier")
        self._script.say("terminated")
        return done
