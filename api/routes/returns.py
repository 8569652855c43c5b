"""`/v1/orders/{order_id}/return`: return a confirmed order, and look into the saga that does it.

As for orders, the start of the saga is the acceptance. Its workflow's id is made of the order and
the number of the attempt, which only grows when an attempt is on record as abandoned: a repeated
request finds the same attempt, and one after an abandoned attempt starts the next.
"""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from api.dependencies import Backend, backend
from api.http.conditional_requests import IfMatch
from api.http.openapi import errors
from api.http.problem_details import Problem
from api.routes.order_saga import saga_out
from api.routes.orders import find_order
from api.schemas import OrderOut, ReturnBody, SagaOut
from api.security.authentication import Caller, Me
from api.security.authorization import AuthorizedRoute
from contracts.names import return_id
from contracts.orders import RETURN_ABANDONED, Order, OrderStatus
from saga.participant import NotFound

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]


@router.post(
    "/{order_id}/return",
    status_code=202,
    responses={
        200: {"model": OrderOut, "description": "It is returned"},
        **errors(404, 409, 412, 422),
    },
)
async def return_order(
    *,
    order_id: str,
    if_match: IfMatch,
    me: Me,
    deps: Deps,
    response: Response,
    _body: Annotated[ReturnBody | None, Body()] = None,
) -> OrderOut:
    """Return an order, all of it: 202 once that is accepted, 200 when done, 409 if not confirmed.

    What it has become decides: 409 `saga_terminated` if a return was begun, and ended from outside.

    412 if the order is no longer as `If-Match` says.
    """
    order = await find_order(order_id, me, deps)
    if_match.check(order)
    if order.status == OrderStatus.CONFIRMED:
        order = await give_back(order, me, deps)
    if order.status == OrderStatus.RETURNED:
        response.status_code = 200
    elif order.status != OrderStatus.CONFIRMED:
        detail = f"the order is {order.status}; only a confirmed one can be returned"
        raise Problem(409, "not_returnable", detail)
    response.headers["Location"] = f"/v1/orders/{order_id}"
    return OrderOut.of(order)


async def give_back(order: Order, me: Caller, deps: Backend) -> Order:
    """Start its return; the order after that. Problem 409 if nothing will return it now."""
    attempt = await next_attempt(order.id, deps)
    under_way = await deps.sagas.start_return(order, attempt)
    order = await find_order(order.id, me, deps)
    if under_way or order.status == OrderStatus.RETURNED:
        return order
    if await next_attempt(order.id, deps) != attempt:  # it has just been abandoned
        return await give_back(order, me, deps)
    detail = (
        "the return's workflow was ended from outside, and an audit carries it on; an operator has "
        f"it do so now by saga audit {order.id}"
    )
    raise Problem(409, "saga_terminated", detail)


@router.get("/{order_id}/return", responses=errors(404))
async def order_return(order_id: str, me: Me, deps: Deps) -> SagaOut:
    """How the latest attempt to return the order stands. 404 `unknown_return` if there is none."""
    await find_order(order_id, me, deps)
    attempt = await next_attempt(order_id, deps)
    try:
        return await saga_out(return_id(order_id, attempt), me, deps)
    except NotFound:
        if attempt == 1:
            raise NotFound("unknown_return", f"no return of order {order_id} was begun") from None
    return await saga_out(return_id(order_id, attempt - 1), me, deps)


async def next_attempt(order_id: str, deps: Backend) -> int:
    """The number of the attempt that is under way, or would be the next."""
    try:
        history = await deps.services.orders.history(order_id)
    except NotFound:  # accepted, but nothing recorded yet
        return 1
    return 1 + sum(event.type == RETURN_ABANDONED for event in history)
