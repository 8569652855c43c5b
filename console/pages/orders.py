"""`/console`: the newest orders as they flow, by a filter and a search that are in the URL."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from api.story.status_words import STATUS_WORDS
from console.dependencies import ConsoleBackend, ConsoleDeps
from console.live_updates import Parts, acquire_stream, answer_live, stream_updates, wake_on_events
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.templating import page, part
from contracts.orders import OrderFilter, OrderPage, OrderStatus
from saga.participant import NotFound, Rejected

ROWS = 50
LATEST = 2.0  # seconds after which the figures are looked at though nothing happened
PARTS = "orders_parts.html"
router = APIRouter(prefix=csrf.PATH, route_class=ConsoleRoute)


class Shown:
    """Which orders a page shows. A search is an order's id or a customer's."""

    def __init__(
        self,
        status: Annotated[str, Query()] = "",
        q: Annotated[str, Query(max_length=200)] = "",
        cursor: Annotated[str, Query(max_length=500)] = "",
    ) -> None:
        self.status = OrderStatus(status) if status in set(OrderStatus) else None
        self.search = q.strip()
        self.cursor = cursor

    def link(self, **changed: str) -> str:
        """The same page, but for these parts of the URL."""
        own = {"status": self.status or "", "q": self.search}
        query = urlencode({name: key for name, key in (own | changed).items() if key})
        return csrf.PATH + (f"?{query}" if query else "")

    @property
    def stream(self) -> str:
        """Where the page is kept up to date; a page of older orders is not."""
        query = self.link().partition("?")[2]
        return "" if self.cursor else f"{csrf.PATH}/live" + (f"?{query}" if query else "")


Which = Annotated[Shown, Depends(Shown)]


@router.get("")
async def live_orders(request: Request, shown: Which, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page. A search for an order leads to that order."""
    if shown.search.startswith("ord_") and await _exists(shown.search, deps):
        return RedirectResponse(f"{csrf.PATH}/orders/{shown.search}", 303, csrf.HEADERS)
    found = await _find(shown, deps)
    return page(
        request,
        "orders.html",
        shown=shown,
        statuses=list(OrderStatus),
        meanings=STATUS_WORDS,
        demo_orders=deps.console.demo_orders,
        orders=found.items,
        older=shown.link(cursor=found.next_cursor) if found.next_cursor else "",
        figures=await deps.board.figures(),
        blocked=await deps.board.blocked_orders(),
        live=shown.stream,
    )


@router.get("/live", dependencies=[Depends(acquire_stream)])
async def live_orders_stream(shown: Which, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page's stream."""
    return answer_live(_frames(shown, deps), until=me.caller.until)


async def _frames(shown: Shown, deps: ConsoleBackend) -> AsyncIterator[bytes]:
    newest = await deps.services.orders.newest_event()
    async with wake_on_events(deps.broadcaster.subscribe_to_all(newest), lambda: LATEST) as wait:
        async for frame in stream_updates(partial(_parts, shown, deps), wait):
            yield frame


async def _parts(shown: Shown, deps: ConsoleBackend) -> Parts:
    found, blocked = await _find(shown, deps), await deps.board.blocked_orders()
    return {
        "figures": part(PARTS, "figures_part", await deps.board.figures()),
        "orders": {row.id: part(PARTS, "row", row, blocked) for row in found.items},
        **await deps.board.attention_part(),
    }


async def _find(shown: Shown, deps: ConsoleBackend) -> OrderPage:
    """A page of orders; the first if the cursor is none."""
    if shown.search.startswith("ord_"):
        known = await _exists(shown.search, deps)
        found = (await deps.services.orders.get(shown.search),) if known else ()
        return OrderPage(items=found, next_cursor=None)
    only = OrderFilter(status=shown.status, customer_id=shown.search or None)
    try:
        return await deps.services.orders.page(only, limit=ROWS, cursor=shown.cursor or None)
    except Rejected:
        return await deps.services.orders.page(only, limit=ROWS, cursor=None)


async def _exists(order_id: str, deps: ConsoleBackend) -> bool:
    try:
        await deps.services.orders.get(order_id)
    except NotFound:
        return False
    return True
