"""What others do while a saga runs: operators, the provider, and who mistakes its id."""

from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from temporalio.activity import Info
from temporalio.api.workflowservice.v1 import (
    PauseWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.service import RPCError

from contracts.audits import AuditReport
from contracts.names import Queue, return_id, workflow_id
from contracts.orphans import Remedy
from contracts.workflow_io import CancelOrder
from invariants.audit import audit
from invariants.cases import OrderCase
from invariants.environment import OrderWorld
from invariants.faults.groups import SET_BACK
from invariants.faults.kinds import OrderFaultKind, set_back_kind
from invariants.faults.restores import Moment, before_all, moment_of, set_back
from saga.verify.faults import Fault, InjectionPoint
from saga.verify.injection.raw_messages import raw
from saga.verify.injection.run_controller import RunController
from saga.verify.injection.run_state import RunState
from saga.verify.subject import Subject
from workflows.order_saga import FOREIGN

PART = 300  # of what an order costs
A_WHILE = timedelta(seconds=60)


class Bystanders(RunController):
    """One run, seen by who is not of it."""

    case: OrderCase

    def __init__(
        self, world: OrderWorld, subject: Subject, case: OrderCase, state: RunState
    ) -> None:
        super().__init__(world, subject, case, state)
        self.world = world
        self.given_back = 0
        self.refunds_by_hand = 0
        self._moments: dict[Fault, Moment] = {}

    async def start_elsewhere(self, kind: StrEnum) -> None:
        """The same input under an id that is not its saga's: it must fail, and do nothing."""
        cancelled = kind is OrderFaultKind.FOREIGN_CANCELLED
        handle = await self._start(self.case.argument, self._other_id(kind), cancelled=cancelled)
        try:
            ended = await handle.result(rpc_timeout=A_WHILE)
        except WorkflowFailureError as error:
            self._state.say(f"{handle.id} failed: {error.cause}")
            if getattr(error.cause, "type", None) != FOREIGN:
                self._state.wrong.append(f"a start under {handle.id} failed as {error.cause!r}")
        else:
            self._state.wrong.append(f"a start under {handle.id} ran, and ended as {ended}")

    async def start_again(self, kind: StrEnum) -> None:
        """Start the saga anew when it has ended, under its id; of what comes of it, wait the end.

        Its content may be another: one of the same order, and of more pieces.
        """
        argument = self.case.argument
        if kind is OrderFaultKind.AGAIN_OTHER:
            items = tuple(
                item.model_copy(update={"quantity": item.quantity + 1}) for item in argument.items
            )
            total = argument.total.model_copy(update={"minor": argument.total.minor + PART})
            argument = argument.model_copy(update={"items": items, "total": total})
        cancelled = kind is OrderFaultKind.AGAIN_CANCELLED
        self.handle = await self._start(argument, self.case.workflow_id, cancelled=cancelled)
        try:
            self._state.say(f"it ended as {await self.handle.result(rpc_timeout=A_WHILE)}")
        except WorkflowFailureError as error:
            self._state.say(f"it failed: {error.cause}")

    async def _start(
        self, argument: Any, saga_id: str, *, cancelled: bool
    ) -> WorkflowHandle[Any, Any]:
        return await self.world.client.start_workflow(
            self._subject.name,
            argument,
            id=saga_id,
            task_queue=Queue.ORDERS,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal="cancel" if cancelled else None,
            start_signal_args=[CancelOrder()] if cancelled else [],
        )

    def _other_id(self, kind: StrEnum) -> str:
        order_id = self.case.order.order_id
        if kind is OrderFaultKind.FOREIGN_ORDER:
            return self.case.workflow_id.replace(order_id, f"ord_{uuid4().hex}")
        if kind is OrderFaultKind.FOREIGN_TYPE:
            returns = self.case.workflow_id == return_id(order_id)
            return workflow_id(order_id) if returns else return_id(order_id)
        return f"again-{uuid4()}"

    async def look(self) -> AuditReport:
        """An audit of an order whose saga runs: there is nothing for it to do."""
        report = await audit(self.world, self.case)
        self._state.say(f"audited: {report.model_dump_json()}")
        carried_on = any(orphan.remedy is not Remedy.REPORT for orphan in report.orphans)
        if carried_on or report.settled:
            self._state.wrong.append(f"an audit meddled with a saga that runs: {report}")
        return report

    async def note_moment(self, fault: Fault) -> None:
        """Remember the database of a fault as it is now."""
        if fault not in self._moments:
            self._moments[fault] = await moment_of(self.world, self.case, SET_BACK[fault.kind])

    async def set_back(self, fault: Fault) -> None:
        """Put the database back as it was then; the users' is from before there was the user."""
        service = SET_BACK[fault.kind]
        moment = self._moments.get(fault) or before_all(service)
        await set_back(self.world, self.case, service, moment)

    def _set_backs_before(self, point: InjectionPoint) -> list[Fault]:
        """The faults that set a database back to before this point's effect."""
        kinds = set(SET_BACK) - {set_back_kind("user")}
        return [
            fault for fault in self._state.faults if fault.kind in kinds and fault.then == point
        ]

    async def spoil(self, operation: str, kind: str) -> None:
        """Have the provider fail at the next request of the order."""
        await self._provider("/faults", operation=operation, kind=kind)

    async def refund_by_hand(self, *, part: bool) -> None:
        """Give back what is left of the order's money, or a part, as the dashboard does."""
        ledger = await self._ledger()
        left = sum(ledger["captured"].values()) - sum(ledger["refunded"].values())
        if left:
            self.refunds_by_hand += 1
            self.given_back += PART if part else left
            amount = {"amount": str(PART)} if part else {}
            intent = ledger["entries"][0]["intent"]
            await self._provider("/v1/refunds", payment_intent=intent, **amount)
            self._state.say(f"{PART if part else left} given back by hand")

    async def fail_refund(self) -> None:
        """The order's newest refund fails, after it had succeeded."""
        intent = (await self._ledger())["entries"][0]["intent"]
        query = {"payment_intent": intent}
        refunds = (await self.world.provider.get("/v1/refunds", params=query)).json()["data"]
        await self._provider(f"/refunds/{refunds[0]['id']}/fail")
        self._state.say(f"the refund {refunds[0]['id']} fails")

    async def _ledger(self) -> Any:
        query = {"order": self.case.order.order_id}
        return (await self.world.provider.get("/ledger", params=query)).json()

    async def _provider(self, path: str, **form: str) -> None:
        if path == "/faults":
            form = {**form, "order": self.case.order.order_id}
        answer = await self.world.provider.post(path, data=form)
        answer.raise_for_status()

    async def cancel_for(self, reason: str) -> None:
        """A customer's cancel for such a reason; that it is refused is no fault."""
        try:
            await self.handle.execute_update("cancel", raw(reason=reason, by="customer"))
        except (WorkflowUpdateFailedError, RPCError) as error:
            self._state.say(f"the customer's cancel was refused: {error.__cause__ or error}")
        else:
            self.accepted = True
            self._state.say("the customer's cancel was accepted")

    async def signal_for(self, reason: str) -> None:
        """The same by a signal."""
        try:
            await self.handle.signal("cancel", raw(reason=reason, by="customer"))
        except RPCError as error:
            self._state.say(f"the signal was refused: {error}")

    async def complete(self, info: Info, result: Any) -> None:
        """Complete an activity by hand."""
        await self.world.client.get_async_activity_handle(
            workflow_id=self.handle.id, run_id=info.workflow_run_id, activity_id=info.activity_id
        ).complete(result)
        self._state.say(f"{info.activity_type} is completed with {result}")

    async def pause(self) -> None:
        """Pause the workflow."""
        await self.world.client.workflow_service.pause_workflow_execution(
            PauseWorkflowExecutionRequest(
                namespace=self.world.client.namespace,
                workflow_id=self.handle.id,
                reason="verified",
                request_id=str(uuid4()),
            )
        )
        self._state.say("paused")

    async def look_and_unpause(self) -> None:
        """Let it go on, when an audit has looked."""
        await self.look()
        await self.world.client.workflow_service.unpause_workflow_execution(
            UnpauseWorkflowExecutionRequest(
                namespace=self.world.client.namespace,
                workflow_id=self.handle.id,
                reason="verified",
                request_id=str(uuid4()),
            )
        )
        self._state.say("unpaused")
