"""One run of a saga of an order: what all that is beside it does, and what is true in the end."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from activities.executions import describe
from contracts.orders import StepNote
from invariants.audit import audit
from invariants.cases import OrderEnding
from invariants.faults.aftermath import judge_aftermath
from invariants.faults.bystanders import Bystanders
from invariants.faults.groups import AGAIN, AUDITED_AFTER, SET_BACK, UNFORESEEN
from saga import StepKind, StepView
from saga.verify.cases import Ending
from saga.verify.faults import AT_THE_END, Fault, InjectionPoint
from saga.verify.injection.run_controller import NoteOfStep
from saga.verify.injection.workflow_reset import FIRST, reset


class OrderRunController(Bystanders):
    """Likewise, seen by auditors too, who carry it on when its workflow was ended."""

    @property
    def may_park(self) -> bool:
        """Whether steps may be parked that no fault strikes."""
        return any(fault.kind in UNFORESEEN for fault in self._state.faults)

    @property
    def judges_at_last(self) -> bool:
        """Whatever is wrong then an audit has to find out."""
        return any(fault.kind in AUDITED_AFTER for fault in self._state.faults)

    async def judge_at_last(self, ending: Ending) -> list[str]:
        """What is wrong when audits have looked, and repaired."""
        return await judge_aftermath(
            self.world,
            self._subject,
            self.case,
            self._state,
            cast("OrderEnding", ending),
            given_back=self.given_back,
        )

    def ending(self, status: str | None, how: str) -> OrderEnding:
        """How the run ended, and what was done beside it."""
        whole = super().ending(status, how)
        struck = {SET_BACK[fault.kind] for fault in self._state.faults if fault.kind in SET_BACK}
        return OrderEnding(**vars(whole), by_hand=self.refunds_by_hand, set_back=struck)

    def note_in(self, args: Sequence[Any]) -> NoteOfStep | None:
        """The note of a step that an attempt puts on the order's record."""
        note = args[-1]
        if not isinstance(note, StepNote):
            return None
        return NoteOfStep(note.step, note.blocked is not None and note.action is None)

    def can_only_be_ended(self, step: StepView) -> bool:
        """A pivot whose database was set back: see docs/runbooks/restored.md."""
        set_back = any(fault.kind in SET_BACK for fault in self._state.faults)
        return set_back and step.kind == StepKind.PIVOT

    async def _newest_is_open(self) -> bool:
        """Likewise; a workflow that is paused is open, which the SDK does not know."""
        stands = await describe(self.world.client, self.handle.id)
        return stands is not None and stands.is_open

    async def prepare(self, point: InjectionPoint) -> None:
        """Remember the databases that will be set back to before this point's effect."""
        for fault in self._set_backs_before(point):
            await self.note_moment(fault)

    async def recover(self) -> None:
        """An audit carries the saga on whose workflow was ended."""
        await self.end_and_audit()

    async def strike_after(self, fault: Fault) -> str:
        """Start it again; set a database back; have a refund fail."""
        if fault.kind in AGAIN:
            self._state.fire(fault)
            await self.start_again(fault.kind)
            return "when it was started again"
        if fault.point == AT_THE_END and fault.kind in AUDITED_AFTER:
            self._state.fire(fault)
            await (self.set_back(fault) if fault.kind in SET_BACK else self.fail_refund())
        return ""

    async def end_and_audit(self, times: int = 1) -> None:
        """Terminate the run; audits of this order, at once and beside us, carry its saga on."""
        self.beside(self._carry_on_by_audit(await self.terminate(), times))

    async def _carry_on_by_audit(self, done: asyncio.Event, times: int) -> None:
        self.handle = self.world.client.get_workflow_handle(
            self.handle.id, result_type=self.handle._result_type
        )
        reports = await asyncio.gather(*(audit(self.world, self.case) for _ in range(times)))
        for report in reports:
            self._state.say(f"audited: {report.model_dump_json()}")
        done.set()

    async def end_and_reset_beside_an_audit(self) -> None:
        """Terminate the run; beside us it is reset when an audit has found it, not repaired yet."""
        self.beside(self._reset_beside_an_audit(await self.terminate()))

    async def _reset_beside_an_audit(self, done: asyncio.Event) -> None:
        async def between() -> None:
            if not done.is_set():
                self.handle = await reset(self.world.client, self.handle, FIRST)
                self._state.say("reset to its first task")
                done.set()

        report = await audit(self.world, self.case, between=between)
        self._state.say(f"audited: {report.model_dump_json()}")
        if not done.is_set():
            self._state.wrong.append(f"an audit did not find what was terminated: {report}")
            await between()
