"""The API's door to Temporal: start, look at and cancel the workflows of an order.

The start *is* the acceptance of an order: there is no second record that could disagree. What was
accepted is kept in the workflow's memo, so that an order is visible before its first step ran and
a repeated request can be compared with the first.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from activities.executions import describe, list_executions
from api.temporal.audit_outlook import AuditOutlook
from api.temporal.diagnosis import diagnose
from api.temporal.errors import RPC_TIMEOUT, UNKNOWN_ORDER, UPDATE_TIMEOUT, translate_errors
from api.temporal.observed_saga import ObservedSaga, observe_saga
from api.temporal.order_memo import OrderMemo
from api.temporal.saga_listing import IS_OPEN, SagaFound
from api.temporal.start_options import saga_options
from api.temporal.troubles import CODES, InTrouble
from api.temporal.updates import send_update
from contracts.names import return_id, workflow_id
from contracts.orders import Order, OrderStatus
from contracts.workflow_io import (
    TOO_LATE,
    UNFIT_TEXT,
    CancelOrder,
    OrderOutcome,
    PlaceOrderInput,
    ReturnOrderInput,
)
from infrastructure.temporal.local_closings import LocalClosings
from saga import Resolution, SagaState, SagaView
from saga.participant import NotFound, Rejected, Unavailable
from workflows.order_saga import OrderSaga
from workflows.place_order import PlaceOrder
from workflows.return_order import ReturnOrder

CANCEL, RESOLVE = "cancel", "resolve"  # the Updates that every saga of ours has
REFUSALS = {
    "NotBlocked": "step_not_blocked",
    "EvidenceMissing": "evidence_missing",
    "RetryOnly": "retry_only",
    "AlreadyResolved": "already_resolved",
    UNFIT_TEXT: "unfit_text",
}
CANCELLED = "cancelled_by_"  # how the code of the cause begins
EAGER = "__temporal_eagerly_started"  # the SDK's: whether our own worker got its first task
LOCALLY = 2.0  # seconds that a saga has to end where it was begun; most take a twentieth of one
LOOKS, LOOK_EVERY = 30, 0.1  # at a saga that is called off, until its pivot's fence has answered


class CancelResult(Enum):
    """What became of a request to cancel."""

    ACCEPTED = auto()
    TOO_LATE = auto()
    OVER = auto()


class OrderSagas:
    """The workflows of orders. Raises Unavailable where Temporal or its workers do not answer.

    Consecutive steps are attempted together first where one worker has them all: on the fast path,
    or on the workflow's own queue. `closings` want to be told of those that close in this process.
    """

    def __init__(self, client: Client, *, fast_path: bool) -> None:
        self._client = client
        self._starter = client
        self._audits = AuditOutlook(client)
        self.closings = LocalClosings()
        self._how = {"fast_path": fast_path, "own_queue": False, "stretch": fast_path}

    def start_by(self, client: Client) -> None:
        """Start sagas by this client from now on: its process has workers, which begin them.

        These have all activities, so without the fast path they take them as they schedule them.
        """
        self._starter = client
        self._how |= {"own_queue": not self._how["fast_path"], "stretch": True}

    async def start(self, memo: OrderMemo) -> bool:
        """Start the saga; False if this order's has been started before. Atomic on Temporal."""
        order = PlaceOrderInput(**dict(memo.to_saga_input()), **self._how)
        saga_id = workflow_id(order.order_id)
        with self.closings.expecting(saga_id) as here, suppress(WorkflowAlreadyStartedError):
            async with translate_errors():
                handle = await self._starter.start_workflow(
                    PlaceOrder.run,
                    order,
                    id=saga_id,
                    memo={"accepted": memo},
                    **saga_options(order, OrderStatus.PENDING),
                )
            here.append(getattr(handle, EAGER, False))
            return True
        return False

    async def wait_until_closed(self, order_id: str) -> None:
        """Return when the saga has ended, however it did, or Temporal no longer knows it.

        One that was begun in this process tells so by itself; else by a long poll at Temporal,
        which nobody but the caller bounds.
        """
        if await self.closings.wait(workflow_id(order_id), LOCALLY):
            return
        with suppress(WorkflowFailureError, NotFound):
            async with translate_errors():
                await self._handle(order_id).result()

    async def start_return(self, order: Order, attempt: int) -> bool:
        """Start this attempt to return the order; False if it was started before, and has ended."""
        what = {"order_id": order.id, "items": order.items, "total": order.total}
        start = ReturnOrderInput(**what, words_first=True, **self._how)
        saga_id = return_id(order.id, attempt)
        async with translate_errors():
            try:
                options = saga_options(order, order.status)
                await self._starter.start_workflow(ReturnOrder.run, start, id=saga_id, **options)
            except WorkflowAlreadyStartedError:
                earlier = await describe(self._client, saga_id, rpc_timeout=RPC_TIMEOUT)
                return earlier is not None and earlier.is_open
        return True

    async def read_memo(self, order_id: str) -> OrderMemo:
        """What was accepted under this id. NotFound if Temporal knows nothing of it."""
        async with translate_errors():
            saga = await describe(self._client, workflow_id(order_id), rpc_timeout=RPC_TIMEOUT)
        found = (await saga.memo()).get("accepted") if saga else None
        if found is None:  # nor was a workflow accepted that somebody started by hand
            raise NotFound("unknown_order", UNKNOWN_ORDER)
        try:
            return OrderMemo.model_validate(found)
        except ValidationError as error:
            detail = "it was accepted in a form that this release cannot read"
            raise Rejected("undecodable_input", detail) from error

    async def cancel(self, order_id: str, request: CancelOrder) -> CancelResult:
        """Ask the saga to cancel. NotFound if there is none; InTrouble."""
        try:
            async with self._asking(workflow_id(order_id)):
                handle = self._handle(order_id)
                await send_update(handle, CANCEL, request, within=UPDATE_TIMEOUT, update_id=CANCEL)
        except WorkflowUpdateFailedError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == TOO_LATE:
                cancelled = await self._is_being_cancelled(order_id)
                return CancelResult.ACCEPTED if cancelled else CancelResult.TOO_LATE
            raise
        except NotFound:
            await self.read_memo(order_id)  # NotFound for good if it never was
            return CancelResult.OVER
        return CancelResult.ACCEPTED

    async def _is_being_cancelled(self, order_id: str) -> bool:
        """Whether it is being undone since somebody, or Temporal, has cancelled it before.

        Unavailable if its pivot's fence does not tell in time.
        """
        with suppress(NotFound):
            for _ in range(LOOKS):
                view = await self._ask_view(order_id)
                if not (view.called_off or "").startswith(CANCELLED) or view.cause is not None:
                    return (view.cause or "").startswith(CANCELLED)
                if view.state not in {SagaState.COMPENSATING, SagaState.BLOCKED}:
                    return False  # the pivot had landed, so it went on
                await asyncio.sleep(LOOK_EVERY)
            raise Unavailable("whether it is undone is not known yet")
        return False

    async def _ask_view(self, order_id: str) -> SagaView:
        saga_id = workflow_id(order_id)
        async with self._asking(saga_id):
            handle = self._client.get_workflow_handle(saga_id)
            return await handle.query(OrderSaga.saga, rpc_timeout=UPDATE_TIMEOUT)

    async def resolve(self, saga_id: str, resolution: Resolution) -> None:
        """An operator's word on a blocked step. NotFound if there is no such saga.

        Rejected by one of REFUSALS if it does not apply; InTrouble.
        """
        handle = self._client.get_workflow_handle(saga_id)
        try:
            async with self._asking(saga_id):
                await send_update(handle, RESOLVE, resolution, within=UPDATE_TIMEOUT)
        except NotFound as error:
            await self.observe(saga_id)  # NotFound if it never was
            detail = f"{saga_id} has ended: no step of it waits for a word"
            raise Rejected(REFUSALS["NotBlocked"], detail) from error
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type in REFUSALS:
                raise Rejected(REFUSALS[cause.type], cause.message) from error
            raise

    async def in_state(self, state: SagaState, limit: int) -> list[SagaFound]:
        """Sagas in this state, newest first; what Temporal's visibility knows, which lags a little.

        `state` is one of a closed set, so it is safe in the query.
        """
        query = f"SagaState = '{state}'"
        if state not in {SagaState.COMPLETED, SagaState.COMPENSATED}:
            query += f" AND {IS_OPEN}"  # one that was terminated shows for ever what it was
        async with translate_errors():
            found = list_executions(self._client, query, limit=limit, rpc_timeout=RPC_TIMEOUT)
            return [SagaFound.of(saga) async for saga in found]

    async def observe(self, saga_id: str) -> ObservedSaga:
        """What the saga tells of itself, and what is wrong with it. NotFound if there is none."""
        return await observe_saga(self._client, saga_id, self._audits)

    @asynccontextmanager
    async def _asking(self, saga_id: str) -> AsyncIterator[None]:
        """Ask a saga's workflow. InTrouble, and not Unavailable, if asking again will not help."""
        try:
            async with translate_errors():
                yield
        except (Unavailable, ValueError) as error:  # a status that is newer than the SDK
            async with translate_errors():
                saga = await describe(self._client, saga_id, rpc_timeout=RPC_TIMEOUT)
                trouble = await diagnose(saga, None) if saga else None
            if trouble is not None and trouble.kind in CODES:
                raise InTrouble(saga_id, trouble) from error
            raise

    def _handle(self, order_id: str) -> WorkflowHandle[PlaceOrder, OrderOutcome]:
        return self._client.get_workflow_handle_for(PlaceOrder.run, workflow_id(order_id))
