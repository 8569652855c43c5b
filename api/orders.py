"""`/v1/orders`: place, read, list, cancel, and look into the saga."""

import re
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Query, Response

from api.access import Guarded, Need
from api.auth import Caller, Me, insufficient_scope
from api.backend import Backend, backend
from api.bodies import (
    CancelBody,
    CompensationOut,
    OrderList,
    OrderOut,
    PlaceOrderBody,
    SagaOut,
    StepOut,
)
from api.problems import Problem
from api.sagas import UNKNOWN_ORDER, Cancelling
from contracts.errors import NotFound
from contracts.events import RecordedEvent
from contracts.names import workflow_id
from contracts.orders import Order, OrderFilter, OrderStatus
from contracts.sagas import CancelOrder
from saga import SagaView

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=Guarded)
Deps = Annotated[Backend, Depends(backend)]
KEY = re.compile(r"^[\x20-\x7e]{1,255}$")


def idempotency_key(
    idempotency_key: Annotated[str | None, Header(description="1 to 255 printable")] = None,
) -> str:
    """The header Idempotency-Key, which must be there."""
    if idempotency_key is None:
        detail = "send an Idempotency-Key header: a value of your choice, new for each new order"
        raise Problem(400, "idempotency_key_missing", detail)
    if not KEY.match(idempotency_key):
        detail = "Idempotency-Key must be 1 to 255 printable ASCII characters"
        raise Problem(400, "idempotency_key_invalid", detail)
    return idempotency_key


@router.post("", status_code=202)
async def place_order(
    body: PlaceOrderBody,
    key: Annotated[str, Depends(idempotency_key)],
    me: Me,
    deps: Deps,
    response: Response,
) -> OrderOut:
    """Accept an order. The same key and body may be sent again: it stays one order.

    403 if a customer orders in the name of another, or of nobody.
    """
    if not me.may_see(body.customer_id):
        detail = "with the scope customer, customer_id must be the token's own subject"
        raise insufficient_scope(detail, Need.SERVICE.value)
    accepted = await deps.acceptance.accept(me.subject, key, body)
    response.headers["Location"] = f"/v1/orders/{accepted.order.order_id}"
    return OrderOut.of(accepted.as_order())


@router.get("")
async def list_orders(
    me: Me,
    deps: Deps,
    *,
    status: OrderStatus | None = None,
    customer_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str | None = None,
) -> OrderList:
    """Orders, newest first. A customer has its own only."""
    if customer_id is not None and not me.may_see(customer_id):
        return OrderList(items=[], next_cursor=None)
    only = OrderFilter(status=status, customer_id=me.customer or customer_id)
    page = await deps.services.orders.page(only, limit=limit, cursor=cursor)
    return OrderList(items=[OrderOut.of(it) for it in page.items], next_cursor=page.next_cursor)


@router.get("/{order_id}")
async def get_order(order_id: str, me: Me, deps: Deps) -> OrderOut:
    """One order, from the moment that it is accepted."""
    return OrderOut.of(await find_order(order_id, me, deps))


@router.post("/{order_id}/cancel", status_code=202, responses={200: {"model": OrderOut}})
async def cancel_order(
    order_id: str,
    me: Me,
    deps: Deps,
    response: Response,
    body: Annotated[CancelBody | None, Body()] = None,
) -> OrderOut:
    """Cancel an order: 202 once that is certain, 200 when it is done, 409 when it is too late."""
    order = await find_order(order_id, me, deps)
    answer = Cancelling.OVER
    if order.status in {OrderStatus.PENDING, OrderStatus.BLOCKED}:
        request = CancelOrder(reason=(body or CancelBody()).reason)
        answer = await deps.sagas.cancel(order_id, request)
        order = await find_order(order_id, me, deps)
    if order.status == OrderStatus.CANCELLED:
        response.status_code = 200
    elif answer is not Cancelling.ACCEPTED:
        raise _not_cancelled(order)
    return OrderOut.of(order)


def _not_cancelled(order: Order) -> Problem:
    if order.status == OrderStatus.PENDING:
        detail = "the order's workflow was terminated; an operator must reset it, see README.md"
        return Problem(409, "saga_terminated", detail)
    detail = f"the order is {order.status} and can no longer be cancelled"
    return Problem(409, "too_late_to_cancel", detail)


@router.get("/{order_id}/events")
async def order_events(order_id: str, me: Me, deps: Deps) -> list[RecordedEvent]:
    """What happened to the order, oldest first."""
    if me.customer is not None:
        await find_order(order_id, me, deps)
    try:
        return await deps.services.orders.history(order_id)
    except NotFound:
        await deps.sagas.accepted(order_id)  # accepted, but nothing recorded yet
        return []


@router.get("/{order_id}/saga")
async def order_saga(order_id: str, me: Me, deps: Deps) -> SagaOut:
    """How the order's saga stands, step by step."""
    if me.customer is not None:
        await find_order(order_id, me, deps)
    return await saga_out(workflow_id(order_id), deps)


async def find_order(order_id: str, me: Caller, deps: Backend) -> Order:
    """The order as recorded, or as accepted. NotFound if there is none for this caller.

    One of somebody else's is looked for as long as one that is not there, and answered alike:
    nobody learns that it exists.
    """
    try:
        order = await deps.services.orders.get(order_id)
    except NotFound:
        order = None
    if order is None or not me.may_see(order.customer_id):
        order = (await deps.sagas.accepted(order_id)).as_order()
    if not me.may_see(order.customer_id):
        raise NotFound("unknown_order", UNKNOWN_ORDER)
    return order


async def saga_out(saga_id: str, deps: Backend) -> SagaOut:
    """How a saga stands, with a link to it. NotFound if there is none."""
    view, attempts = await deps.sagas.view(saga_id)
    return _saga(view, attempts, {"temporal_ui": f"{deps.temporal_ui}/{saga_id}"})


def _saga(view: SagaView, attempts: dict[str, int], links: dict[str, str]) -> SagaOut:
    steps = {step.name: step for step in view.steps}
    undone = [steps[name] for name in view.compensations]
    return SagaOut(
        saga_id=view.saga_id,
        state=view.state,
        cause=view.cause,
        steps=[
            StepOut(
                name=step.name,
                kind=step.kind,
                state=step.state,
                attempts=attempts.get(step.action, 0),
                started_at=step.started_at,
                finished_at=step.finished_at,
                error=step.error,
            )
            for step in view.steps
        ],
        compensations=[
            CompensationOut(
                name=step.compensation or "",
                step=step.name,
                state=step.state,
                attempts=attempts.get(step.compensation or "", 0),
            )
            for step in undone
        ],
        links=links,
    )
