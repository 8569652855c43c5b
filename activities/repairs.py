"""Carries a saga to its end whose workflow was ended from outside, or is gone.

A workflow that is terminated, times out, fails or is deleted cannot undo anything. What it did is
in the services' barriers, under its id. So the same saga is started again under that id, with a
cancel: it goes forward if its pivot had landed, else it undoes whatever had taken effect. On the
fast path a saga undoes all that it may have done, so that is how it is started.

One that had ended as confirmed, of which the services have lost something since, is started without
a cancel: what is on record is answered from there, and the rest is done again.
"""

import asyncio
from contextlib import suppress
from typing import Any

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.executions import Execution, Status, described
from contracts.audits import Orphan
from contracts.errors import NotFound
from contracts.names import Queue
from contracts.orders import CreateOrder, OrderService, OrderStatus
from contracts.sagas import CancelOrder, OrderOutcome, PlaceOrderInput, ReturnOrderInput

WAIT = 20.0  # seconds; what takes longer goes on by itself
ABANDONED = CancelOrder(reason="its workflow was ended before it was done", by="audit")
BY_HAND = {"skip", "mark_done"}  # an operator has answered for it
STATUS = SearchAttributeKey.for_keyword("OrderStatus")
CUSTOMER = SearchAttributeKey.for_keyword("CustomerId")


class Repairs:
    """Starts orphans again."""

    def __init__(self, client: Client, orders: OrderService) -> None:
        self._client = client
        self._orders = orders

    async def carry_on(self, orphan: Orphan) -> None:
        """Start the saga again, and wait for its end for a while.

        NotFound if nothing tells what it was about, in which case it never did anything.
        """
        before = await described(self._client, orphan.saga_id)
        # One that runs was started by somebody else, or by an attempt of ours whose end was lost. A
        # cancel must not meet it: it may be on its way to be confirmed.
        if before is None or not before.is_open:
            await self._start(orphan, before)
        with suppress(TimeoutError, WorkflowFailureError):
            async with asyncio.timeout(WAIT):
                await self._client.get_workflow_handle(orphan.saga_id).result()

    async def _start(self, orphan: Orphan, before: Execution | None) -> None:
        returns = orphan.saga_id.startswith("return-")
        argument, customer = await (self._return(orphan) if returns else self._order(orphan))
        attributes = [
            SearchAttributePair(STATUS, OrderStatus.PENDING),
            SearchAttributePair(CUSTOMER, customer),
        ]
        undo = returns or before is None or not await self._confirmed(before)
        with suppress(WorkflowAlreadyStartedError):  # somebody was faster
            await self._client.start_workflow(
                "ReturnOrder" if returns else "PlaceOrder",
                argument,
                id=orphan.saga_id,
                task_queue=Queue.ORDERS,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                start_signal="cancel" if undo else None,
                start_signal_args=[ABANDONED] if undo else [],
                memo=await before.memo() if before else None,
                search_attributes=TypedSearchAttributes(attributes),
                static_summary=f"carried on: its workflow was {orphan.why}",
            )

    async def _confirmed(self, saga: Execution) -> bool:
        """Whether this run of an order's saga told that the order was confirmed."""
        if saga.status is not Status.COMPLETED:
            return False
        handle = self._client.get_workflow_handle(
            saga.id, run_id=saga.run_id, result_type=OrderOutcome
        )
        return (await handle.result(follow_runs=False)).status is OrderStatus.CONFIRMED

    async def _order(self, orphan: Orphan) -> tuple[Any, str]:
        """The input of its saga, and its customer."""
        try:
            command = await self._orders.command(orphan.order_id)
        except NotFound:
            command = await self._first_input(orphan)
        return PlaceOrderInput(**dict(command) | {"fast_path": True}), command.customer_id

    async def _return(self, orphan: Orphan) -> tuple[Any, str]:
        order = await self._orders.get(orphan.order_id)
        what = ReturnOrderInput(
            order_id=order.id, items=order.items, total=order.total, fast_path=True
        )
        return what, order.customer_id

    async def _first_input(self, orphan: Orphan) -> CreateOrder:
        """Of an order that was never recorded, from the workflow's history."""
        try:
            history = await self._client.get_workflow_handle(orphan.saga_id).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise NotFound("unknown_order", f"nothing is known of {orphan.order_id}") from error
        started = history.events[0].workflow_execution_started_event_attributes
        decoded = await self._client.data_converter.decode(started.input.payloads, [CreateOrder])
        command: CreateOrder = decoded[0]
        return command


async def answered_for(orders: OrderService, order_id: str) -> bool:
    """Whether an operator said of a step of its saga that it is done, or is not to be."""
    history = await orders.history(order_id)
    return any(event.data.get("action") in BY_HAND for event in history)
