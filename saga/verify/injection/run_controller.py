"""What a fault may do to the run that it strikes, beside what it does to the attempt."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from saga import StepView
from saga.step import activity_name
from saga.verify.cases import Case, Ending
from saga.verify.faults import Fault, InjectionPoint
from saga.verify.groups import AUDITED
from saga.verify.injection.run_state import RunState
from saga.verify.injection.simulated_answers import answer, skip_time
from saga.verify.injection.workflow_reset import FIRST, reset
from saga.verify.kinds import CancelSource

if TYPE_CHECKING:
    from saga.verify.environment.environment import Environment
    from saga.verify.subject import Subject

BOUND = 180.0
LOOK = 0.5


class NoteOfStep(NamedTuple):
    """What an attempt is to put on record: that a step is parked, or what was said of it."""

    step: str
    parked: bool


class RunController:
    """One run, seen by its faults. `handle` is of the workflow's newest run.

    `accepted`: a customer's cancel was; `unheard`: there was no workflow any more to hear it.
    """

    handle: WorkflowHandle[Any, Any]

    def __init__(
        self, environment: "Environment", subject: "Subject", case: Case, state: RunState
    ) -> None:
        self.environment = environment
        self.case = case
        self.accepted = False
        self.unheard = False
        self._subject = subject
        self._state = state
        self._ended_once = False
        self._aside: set[asyncio.Task[Any]] = set()
        self._successors: list[asyncio.Event] = []

    @property
    def usual_cancel_source(self) -> CancelSource:
        """How a cancel is asked for where it does not matter how."""
        return CancelSource.TEMPORAL if self._subject.cancel is None else CancelSource.CUSTOMER

    @property
    def may_park(self) -> bool:
        """Whether steps may be parked that no fault strikes."""
        return False

    @property
    def judges_at_last(self) -> bool:
        """Whether only `judge_at_last` can tell what is wrong."""
        return False

    async def prepare(self, point: InjectionPoint) -> None:
        """Before each attempt at a point: an extension may have to remember something."""

    async def answer_after(self, point: InjectionPoint) -> None:
        """After each attempt that succeeds: if it opened a request, have that answered."""
        actions = {row.name: activity_name(row.action) for row in self._subject.steps if row.awaits}
        step = point.step.partition("#")[0]
        if actions.get(step) == point.activity and step in self._subject.answers:
            client, workflow_id = self.environment.client, self.case.workflow_id
            await skip_time(client, workflow_id, enabled=False)
            said = self._subject.answers[step](self.case)
            self.beside(self._say(answer(client, workflow_id, point.step, said)))

    async def _say(self, decisions: Coroutine[Any, Any, str]) -> None:
        self._state.say(await decisions)

    def note_in(self, args: Sequence[Any]) -> NoteOfStep | None:
        """What an attempt with these arguments puts on record of a parked step, if it does."""
        return None

    def can_only_be_ended(self, step: StepView) -> bool:
        """Whether an operator ends the saga, since this parked step can only be tried in vain."""
        return False

    def ending(self, status: str | None, how: str) -> Ending:
        """How the run ended."""
        state = self._state
        return Ending(
            status,
            how,
            self.accepted,
            decisions=tuple(state.decisions),
            left=state.left,
            lives=bool(state.over),
        )

    async def strike_after(self, fault: Fault) -> str:
        """What a fault does after the end; in words, if all must be as before. Else empty."""
        return ""

    async def judge_at_last(self, ending: "Ending") -> list[str]:
        """What is wrong when all is over."""
        return []

    async def recover(self) -> None:
        """Have what is not of this run carry on a saga whose workflow was ended."""
        raise NotImplementedError

    async def wait_for_answers(self) -> None:
        """Until all has come to its end that goes on beside the saga."""
        await asyncio.gather(*self._aside)

    def leave(self) -> None:
        """Let nothing go on."""
        for task in self._aside:
            task.cancel()

    async def is_open(self) -> bool:
        """Whether its newest run can be spoken to: it may have been ended, and not begun again."""
        return not self._ended_once or await self._newest_is_open()

    async def _newest_is_open(self) -> bool:
        newest: WorkflowHandle[Any, Any] = self.environment.client.get_workflow_handle(
            self.handle.id
        )
        try:
            return (await newest.describe()).status is WorkflowExecutionStatus.RUNNING
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise

    async def wait_for_successor(self) -> bool:
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

    async def ask(self, source: CancelSource) -> None:
        """A cancel; returns when it is processed. It is so even if whoever asks is lost."""
        await asyncio.shield(self.beside(self._ask(source)))

    async def _ask(self, source: CancelSource) -> None:
        if source is CancelSource.TEMPORAL:
            await self.handle.cancel()
            await self._cancel_is_processed()
            self._state.say("cancelled by Temporal")
            return
        try:
            await self._cancel_as_a_customer()
        except WorkflowUpdateFailedError as refused:
            self._state.say(f"the customer's cancel was refused: {refused.cause}")
        except RPCError as gone:
            self.unheard = True
            self._state.say(f"the customer's cancel found no workflow: {gone}")
        else:
            self.accepted = True
            self._state.say("the customer's cancel was accepted")

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
        await self._subject.refusals[activity](self.environment.world, self.case)

    def lose(self, source: CancelSource | None) -> None:
        """Lose the workflow task that goes on; and all, until one knows of a cancel, sent now."""
        self.environment.lost_tasks.lose_until(self.handle.id, source)
        if source is not None:
            self.beside(self._ask(source))

    def hold_until_updates(self, number: int) -> None:
        """Lose all tasks until one brings so many Updates at once."""
        self.environment.lost_tasks.lose_until(self.handle.id, CancelSource.CUSTOMER, number)

    async def end_and_reset(
        self, source: CancelSource | None, between: Callable[[], None] = lambda: None
    ) -> None:
        """Terminate the run; the new one does nothing before it knows of the cancel.

        `between` is called when the old run begins nothing any more, and the new one not yet.
        """
        done = await self.terminate()
        between()
        if source is not None:
            self.environment.lost_tasks.lose_until(self.handle.id, source)
        self.handle = await reset(self.environment.client, self.handle, FIRST)
        self._state.say("reset to its first task")
        if source is not None:
            self.beside(self._ask(source))
        done.set()

    async def outlive(self, fault: Fault) -> None:
        """End this life of the saga as the fault has it; the next one begins."""
        self._state.over.add(fault)
        self._state.outlive(fault)
        if fault.life in AUDITED:
            await self.recover()
        else:
            await self.end_and_reset(None)

    async def terminate(self) -> asyncio.Event:
        """End the run. Set what is returned once the one after it has begun."""
        done = asyncio.Event()
        self._successors.append(done)
        self._ended_once = True
        await self.handle.terminate("by the verifier")
        self._state.say("terminated")
        return done
