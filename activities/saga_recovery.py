"""Carries a saga to its end whose workflow was ended from outside, or is gone.

A workflow that is terminated, times out, fails or is deleted cannot undo anything. What it did is
in the services' barriers, under its id. So the same saga is started again under that id, and its
input says what is to become of it: it is undone, unless its pivot had landed; or it is finished,
since the pivot had. On the fast path a saga undoes all that it may have done, so that is how it is
started.

Nobody is cancelled: a workflow that runs by then is left alone, whoever started it.
"""

from contextlib import suppress
from typing import Any

from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.evidence import Unreadable, first_command, first_input, outcome_of
from activities.executions import Execution, Status, describe
from activities.orders import CUSTOMER_ID_KEY, ORDER_STATUS_KEY
from contracts.names import Queue
from contracts.orders import CreateOrder, OrderService, OrderStatus
from contracts.orphans import Orphan, Remedy
from contracts.workflow_io import (
    PLACING,
    RETURNING,
    PlaceOrderInput,
    ReturnOrderInput,
    SagaInput,
    SagaType,
    Undo,
    type_of,
)
from saga.participant import NotFound

ABANDONED = Undo(
    code="cancelled_by_audit", detail="its workflow was ended from outside before it was done"
)
UNDONE = {"rejected", "cancelled", "timed_out"}


class Repairs:
    """Starts orphans again."""

    def __init__(self, client: Client, orders: OrderService) -> None:
        self._client = client
        self._orders = orders

    async def carry_on(self, orphan: Orphan) -> bool:
        """Start the saga again; whether we did, as somebody else may have.

        Unreadable if nothing tells what it was about.
        """
        before = await describe(self._client, orphan.saga_id)
        if before is not None and before.is_open:
            return False
        kind = type_of(orphan.saga_id)
        if kind is None:
            raise Unreadable(f"{orphan.saga_id} is the id of no saga of an order")
        argument, customer = await self._input(kind, orphan, before)
        attributes = [
            SearchAttributePair(ORDER_STATUS_KEY, OrderStatus.PENDING),
            SearchAttributePair(CUSTOMER_ID_KEY, customer),
        ]
        with suppress(WorkflowAlreadyStartedError):  # by an operator, or another audit
            await self._client.start_workflow(
                kind.name,
                argument,
                id=orphan.saga_id,
                task_queue=Queue.ORDERS,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                memo=await before.memo() if before else None,
                search_attributes=TypedSearchAttributes(attributes),
                static_summary=f"carried on: its workflow was {orphan.why}",
            )
            return True
        return False

    async def _input(
        self, kind: SagaType, orphan: Orphan, before: Execution | None
    ) -> tuple[SagaInput, str]:
        """What its saga takes, and its customer. Unreadable.

        The orders' records tell it where they can: they hold what a workflow's may have lost.
        """
        how = await _how(orphan, before)
        if kind is PLACING:
            command = await self._command(orphan, before)
            return PlaceOrderInput(**dict(command) | how), command.customer_id
        order = await self._orders.get(orphan.order_id)
        if kind is RETURNING:
            what = {"order_id": order.id, "items": order.items, "total": order.total}
            return ReturnOrderInput(**what | how, words_first=True), order.customer_id
        if before is None:
            raise Unreadable(f"nothing is known of {orphan.saga_id}")
        given = await first_input(before, kind)
        return given.model_copy(update=how), order.customer_id

    async def _command(self, orphan: Orphan, before: Execution | None) -> CreateOrder:
        try:
            return await self._orders.command(orphan.order_id)
        except NotFound:
            if before is None:
                raise Unreadable(f"nothing is known of {orphan.order_id}") from None
            return await first_command(before)


async def _how(orphan: Orphan, before: Execution | None) -> dict[str, Any]:
    undo = await _undo(before) if orphan.remedy is Remedy.UNDO else None
    landed = orphan.remedy is Remedy.FINISH
    return {"fast_path": True, "earlier_life": True, "undo": undo, "landed": landed}


async def _undo(before: Execution | None) -> Undo:
    """As it was undone before, if it was: somebody was told so. Unreadable."""
    if before is None or before.status not in {Status.COMPLETED, Status.CANCELED}:
        return ABANDONED
    outcome = await outcome_of(before)
    if outcome is None:
        return Undo(code="cancelled_by_operator", detail="cancelled on Temporal")
    ending = getattr(outcome, "status", "cancelled")  # a return has none
    if outcome.reason is None or ending not in UNDONE:
        return ABANDONED
    return Undo(ending=ending, code=outcome.reason.code, detail=outcome.reason.detail)
