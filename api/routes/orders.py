"""`/v1/orders`: place, read, list and cancel."""

import re
from contextlib import ExitStack, suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response

from api.dependencies import Backend, backend
from api.http.conditional_requests import IfMatch, IfNoneMatch, etag
from api.http.openapi import KEY_PATTERN, errors
from api.http.openapi_responses import LISTED, NOT_MODIFIED, PLACED
from api.http.prefer import preferred_wait, wait_for
from api.http.problem_details import RETRY_AFTER, Problem
from api.http.query_parameters import IN_DIGITS
from api.lists import OrderList, link_next_page
from api.orders.waiting import wait_until_settled
from api.schemas import CancelBody, OrderOut, PlaceOrderBody
from api.security.authentication import Caller, Me, Scope, insufficient_scope
from api.security.authorization import AuthorizedRoute, RequiredScope
from api.security.redaction import order_for
from api.temporal.errors import UNKNOWN_ORDER
from api.temporal.saga_gateway import CancelResult
from contracts.base import Moment
from contracts.orders import Order, OrderFilter, OrderStatus
from contracts.workflow_io import CancelOrder
from saga.participant import NotFound, ServiceError

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]
STATUS_OF_ENDED = {OrderStatus.CONFIRMED: 201, OrderStatus.PENDING: 202, OrderStatus.BLOCKED: 202}


def idempotency_key(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", description="1 to 255 printable ASCII")
    ] = None,
) -> str:
    """The header Idempotency-Key, which must be there, and once."""
    if len(request.headers.getlist("idempotency-key")) > 1:
        raise Problem(400, "idempotency_key_invalid", "send Idempotency-Key once")
    if idempotency_key is None:
        detail = "send an Idempotency-Key header: a value of your choice, new for each new order"
        raise Problem(400, "idempotency_key_missing", detail)
    if not re.fullmatch(KEY_PATTERN, idempotency_key):
        detail = "Idempotency-Key must be 1 to 255 printable ASCII characters"
        raise Problem(400, "idempotency_key_invalid", detail)
    return idempotency_key


@router.post("", status_code=202, responses=PLACED)
async def place_order(
    *,
    body: PlaceOrderBody,
    key: Annotated[str, Depends(idempotency_key)],
    wait: Annotated[int | None, Depends(preferred_wait)],
    request: Request,
    me: Me,
    deps: Deps,
    response: Response,
) -> OrderOut:
    """Accept an order. The same key and body may be sent again: it stays one order.

    202 as soon as it is accepted. With `Prefer: wait=N`, the order when it has ended, 201 if it is
    confirmed and 200 if not, or 202 if it has not ended within N seconds, or waits for the
    customer, as its `next_action` says. 403 if a customer orders
    in the name of another, or of nobody.
    """
    if not me.may_see(body.customer_id):
        detail = "with the scope customer, customer_id must be the token's own subject"
        raise insufficient_scope(detail, RequiredScope.SERVICE.value)
    order, replayed = await deps.placement.place(me.subject, key, body)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    with ExitStack() as stack:
        if wait is not None and stack.enter_context(deps.waiting.try_acquire()):
            response.headers["Preference-Applied"] = f"wait={wait}"
            settled = wait_until_settled(order.id, deps.sagas, deps.broadcaster)
            await wait_for(settled, request, wait)
            with suppress(ServiceError):  # what is certain is that it was accepted
                order = await find_order(order.id, me, deps)
    response.headers["Location"] = f"/v1/orders/{order.id}"
    response.status_code = STATUS_OF_ENDED.get(order.status, 200)
    if response.status_code == 202:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return OrderOut.of(order)


@router.get("", responses=LISTED | errors(422))
async def list_orders(
    *,
    me: Me,
    deps: Deps,
    request: Request,
    response: Response,
    status: OrderStatus | None = None,
    customer_id: str | None = None,
    created_from: Annotated[Moment | None, Query(description="At or after")] = None,
    created_to: Annotated[Moment | None, Query(description="Before")] = None,
    settled_by_hand: Annotated[
        bool | None, Query(description="Whether operators have settled something of them")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100), IN_DIGITS] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None,
) -> OrderList:
    """Orders, newest first. A customer has its own only.

    The header Link leads to the next page, if there is one.
    """
    if customer_id is not None and not me.may_see(customer_id):
        return OrderList(items=[])
    only = OrderFilter(
        status=status,
        customer_id=me.customer or customer_id,
        created_from=created_from,
        created_to=created_to,
        settled_by_hand=settled_by_hand,
    )
    page = await deps.services.orders.page(only, limit=limit, cursor=cursor)
    link_next_page(request, response, page.next_cursor)
    items = [OrderOut.of(order_for(me, order)) for order in page.items]
    return OrderList(items=items, next_cursor=page.next_cursor)


@router.get("/{order_id}", responses=NOT_MODIFIED | errors(404), response_model=OrderOut)
async def get_order(
    order_id: str, if_none_match: IfNoneMatch, me: Me, deps: Deps, response: Response
) -> OrderOut | Response:
    """One order, from the moment that it is accepted. 304 if it is as `If-None-Match` says."""
    order = await find_order(order_id, me, deps)
    if if_none_match.matches(order):
        return Response(status_code=304, headers={"ETag": etag(order)})
    response.headers["ETag"] = etag(order)
    return OrderOut.of(order)


@router.post(
    "/{order_id}/cancel",
    status_code=202,
    responses={
        200: {"model": OrderOut, "description": "It is cancelled"},
        **errors(404, 409, 412, 422),
    },
)
async def cancel_order(
    *,
    order_id: str,
    if_match: IfMatch,
    me: Me,
    deps: Deps,
    response: Response,
    body: Annotated[CancelBody | None, Body()] = None,
) -> OrderOut:
    """Cancel an order: 202 once that is certain, 200 when it is done, 409 when it is too late.

    412 if the order is no longer as `If-Match` says.
    """
    order = await find_order(order_id, me, deps)
    if_match.check(order)
    order = await cancel(order, _wish(body, me), me, deps)
    if order.status == OrderStatus.CANCELLED:
        response.status_code = 200
    return OrderOut.of(order)


async def cancel(order: Order, wish: CancelOrder, me: Caller, deps: Backend) -> Order:
    """Cancel it if that can still be; the order after that. Problem 409 if it cannot.

    What it has become decides, and the saga's answer only as long as it is open: a task of the
    workflow may have closed it and then been lost, with the wish or with why it was closed.
    """
    answer = CancelResult.OVER
    if order.status.is_open:
        answer = await deps.sagas.cancel(order.id, wish)
        order = await find_order(order.id, me, deps)
    will_be = order.status.is_open and answer is CancelResult.ACCEPTED
    if order.status != OrderStatus.CANCELLED and not will_be:
        raise _explain_not_cancelled(order, answer)
    return order


def _wish(body: CancelBody | None, me: Caller) -> CancelOrder:
    """Why, and whose wish it is: a service calls for the customer, an operator for himself."""
    by: Literal["customer", "operator"] = "operator" if Scope.OPERATOR in me.scopes else "customer"
    given = body.reason if body and body.model_fields_set else f"cancelled by the {by}"
    return CancelOrder(reason=given, by=by)


def _explain_not_cancelled(order: Order, answer: CancelResult) -> Problem:
    detail = f"the order is {order.status} and can no longer be cancelled"
    if order.status == OrderStatus.PENDING:
        if answer is CancelResult.OVER:
            detail = (
                "the order's workflow was ended from outside, and an audit undoes it; an operator "
                f"has it do so now by saga audit {order.id}"
            )
            return Problem(409, "saga_terminated", detail)
        detail = "the order is being confirmed, or undone already, and can no longer be cancelled"
    return Problem(409, "too_late_to_cancel", detail)


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
        order = (await deps.sagas.read_memo(order_id)).to_order()
    if not me.may_see(order.customer_id):
        raise NotFound("unknown_order", UNKNOWN_ORDER)
    return order_for(me, order)
