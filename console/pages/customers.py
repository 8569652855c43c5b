"""`/console/customers`: accounts, newest first. Who one is shows on the customer's page alone."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from console.dependencies import ConsoleDeps
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.templating import page
from contracts.orders import OrderFilter
from contracts.users import AccountPage
from saga.participant import Rejected

ROWS = 50
ORDERS = 10  # of a customer; the rest are a search of the orders
PATH = f"{csrf.PATH}/customers"
router = APIRouter(prefix=PATH, route_class=ConsoleRoute)


@router.get("")
async def customers_page(
    *,
    request: Request,
    me: SignedIn,
    deps: ConsoleDeps,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """The list. A search for a customer's id leads to that customer."""
    if wanted := q.strip():
        return RedirectResponse(f"{PATH}/{quote(wanted, safe='')}", 303, csrf.HEADERS)
    found = await _find(cursor, deps)
    more = f"{PATH}?{urlencode({'cursor': found.next_cursor})}" if found.next_cursor else ""
    return page(request, "customers.html", accounts=found.items, more=more, first=not cursor)


async def _find(cursor: str, deps: ConsoleDeps) -> AccountPage:
    """A page of accounts; the first if the cursor is none."""
    try:
        return await deps.services.users.list_accounts(limit=ROWS, cursor=cursor or None)
    except Rejected:
        return await deps.services.users.list_accounts(limit=ROWS, cursor=None)


@router.get("/{user_id}")
async def one_customer(user_id: str, request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """One customer, and what is the customer's."""
    user = await deps.services.users.get(user_id)
    of_this = OrderFilter(customer_id=user.id)
    orders = await deps.services.orders.page(of_this, limit=ORDERS, cursor=None)
    hooks = await deps.webhooks.of_customer(user.id) if deps.webhooks else []
    blocked = await deps.board.blocked_orders()
    return page(request, "customer.html", user=user, orders=orders, hooks=hooks, blocked=blocked)
