"""What every saga of an order has: its view, its cancel, its operators, its notes on record."""

from collections.abc import Sequence
from typing import NoReturn

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.orders import ORDER_STATUS_KEY, OrderActivities, reason_of
    from contracts.base import MAX_EVIDENCE, MAX_NAME, MAX_REASON, MAX_WHO, Reason
    from contracts.names import Queue
    from contracts.orders import NextAction, OrderStatus, RequireAction, StepNote
    from contracts.workflow_io import (
        TOO_LATE,
        CancelOrder,
        PlaceOrderInput,
        SagaInput,
        SagaType,
        Undo,
    )
    from saga import (
        BlockedStepEvent,
        EarlierRuns,
        FailureCause,
        FailureKind,
        Outcome,
        PendingStepEvent,
        Resolution,
        Resolving,
        Role,
        Saga,
        SagaDefinition,
        SagaView,
        Step,
        StepKind,
    )
    from workflows.texts import demand_fit, wish_of

# No step of the sagas is in a table for this: it is a note for the record, in the order's history.
NOTE = Step(name="note", kind=StepKind.RETRIABLE, queue=Queue.ORDERS, action=OrderActivities.note)
TELL = Step(
    name="tell",
    kind=StepKind.RETRIABLE,
    queue=Queue.ORDERS,
    action=OrderActivities.require_action,
)

FOREIGN = "ForeignWorkflowId"  # an order's saga under an id that is not the order's

REFUSAL = "it can no longer be cancelled"

CANCEL, LOOK = "cancel", "look"


class OrderSaga:
    """The base of a workflow that runs one saga of one order, as `self._saga`."""

    definition: SagaDefinition  # of the class, or of those sagas that began before it changed

    def __init__(self, order: SagaInput) -> None:
        self._input = order
        self._saga = Saga(
            self.definition,
            order,
            on_blocked=self._note,
            on_pending=self._tell,
            load_resolutions=self._recall,
            continue_as_new=self._renew,
            fast_path=order.fast_path,
            own_queue=order.own_queue,
            stretch=order.stretch,
            words_first=order.words_first,
            earlier_runs=_later(order),
            searchable=True,
        )

    @workflow.query
    def saga(self) -> SagaView:
        """Where the saga stands, step by step."""
        return self._saga.view

    @workflow.update
    async def cancel(self, request: CancelOrder) -> None:
        """Undo the saga. Returns as soon as that is certain to happen."""
        if not await self._saga.cancel(f"cancelled_by_{request.by}", request.reason):
            raise ApplicationError(REFUSAL, type=TOO_LATE)

    @cancel.validator
    def _not_too_late(self, request: CancelOrder) -> None:
        """Refusals leave no trace in history, so that a reset cannot replay a late cancel early."""
        demand_fit("reason", request.reason, MAX_REASON)
        if not self._saga.cancellable:
            raise ApplicationError(REFUSAL, type=TOO_LATE)

    @workflow.signal(dynamic=True)
    def signal(self, name: str, given: Sequence[RawValue]) -> None:
        """`cancel`: the same for tools that know no Updates; nothing happens if it is too late.

        `look`: somebody may have acted, on whom a step waits; it has nothing with it.

        A signal cannot be refused, so whatever comes with it is taken as far as it can be.
        """
        if name == CANCEL and (request := wish_of(given)) is not None:
            self._saga.request_cancel(f"cancelled_by_{request.by}", request.reason)
        elif name == LOOK:
            for step in self.definition:
                if step.awaits_outcome is not None:
                    self._saga.look_again(step.name)

    @workflow.update
    async def resolve(self, resolution: Resolution) -> None:
        """An operator's word on a blocked step: retry, skip or mark_done, with evidence.

        Returns when it is on record.
        """
        await self._saga.resolve(resolution)

    @resolve.validator
    def _can_be_resolved(self, resolution: Resolution) -> None:
        demand_fit("step", resolution.step, MAX_NAME)
        demand_fit("evidence", resolution.evidence, MAX_EVIDENCE)
        demand_fit("who", resolution.who, MAX_WHO)
        self._saga.check_resolution(resolution)

    async def _note(self, notice: BlockedStepEvent) -> None:
        if isinstance(self._input, PlaceOrderInput):  # no other saga's blocks the order
            self._show(OrderStatus.BLOCKED if notice.still_blocked else OrderStatus.PENDING)
        said = notice.resolution
        note = StepNote(
            order_id=self._input.order_id,
            step=notice.step,
            blocked=notice.blocked,
            still_blocked=notice.still_blocked,
            action=said.action if said else None,
            evidence=said.evidence if said else None,
            who=said.who if said else None,
            role=notice.role,
        )
        await self._saga.record(NOTE, note, notice.number)

    async def _tell(self, event: PendingStepEvent) -> None:
        """Have the customer told what there is to do: it may be told again by another run."""
        action = NextAction(url=event.about["url"], until=event.until)
        command = RequireAction(order_id=self._input.order_id, next_action=action)
        await self._saga.record(TELL, command, 1)

    async def _recall(self) -> Sequence[Resolution]:
        """What operators said in earlier lives of this saga, as it is on record."""
        words: Sequence[StepNote] = await self._saga.ask(NOTE, OrderActivities.words)
        return [
            Resolution(
                step=word.step,
                action=Resolving(word.action),
                evidence=word.evidence or "",
                who=word.who or "",
                role=Role(word.role) if word.role else None,
            )
            for word in words
            if word.action
        ]

    def _renew(self, later: EarlierRuns) -> NoReturn:
        """Go on in a new run, whose input says that there was this one."""
        undo = None
        if (cause := later.undo) is not None:
            undo = Undo(
                ending=cause.ending.value,
                code=cause.code,
                detail=cause.detail,
                step=cause.step,
                by_temporal=later.by_temporal,
            )
        again = self._input.model_copy(
            update={
                "earlier_life": True,
                "undo": undo,
                "landed": later.landed,
                "since": later.since,
            }
        )
        workflow.continue_as_new(again)

    async def _run(self, kind: SagaType) -> Outcome:
        """Run the saga, under its own id only."""
        check_id(kind, self._input.order_id)
        return await self._saga.run()

    async def _close(
        self, outcome: Outcome, reason: Reason | None, *, show: OrderStatus | None = None
    ) -> None:
        """Call last. Closes the workflow as Canceled if it was cancelled on Temporal.

        `reason`: why it was undone, as it is on record.
        """
        if show is not None:
            self._show(show)
        await workflow.wait_condition(workflow.all_handlers_finished)
        cause = outcome.cause
        self._saga.close(outcome, on_record=cause is None or reason == reason_of(cause))

    def _show(self, status: OrderStatus) -> None:
        """Have the workflow found by the order's status."""
        self._saga.upsert_search_attribute(ORDER_STATUS_KEY.value_set(status))


def check_id(kind: SagaType, order_id: str) -> None:
    """Fail the workflow as `ForeignWorkflowId`, before anything runs, if it is not the saga's own.

    What a saga has done is found by its id, which is the workflow's.
    """
    saga_id = workflow.info().workflow_id
    if not kind.of(saga_id, order_id) and workflow.patched("foreign-workflow-ids"):
        detail = f"{saga_id} is no id of {kind.name} of {order_id}: nothing was done"
        raise ApplicationError(detail, type=FOREIGN, non_retryable=True)


def _later(how: SagaInput) -> EarlierRuns | None:
    if not how.earlier_life and how.undo is None and not how.landed:
        return None
    if how.landed or (undo := how.undo) is None:
        return EarlierRuns(landed=how.landed, since=how.since)
    cause = FailureCause(FailureKind(undo.ending), undo.code, undo.detail, undo.step)
    return EarlierRuns(cause, undo.by_temporal)
