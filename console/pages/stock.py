"""`/console/stock`: what is for sale, and where its pieces are."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from console.dependencies import ConsoleBackend, ConsoleDeps
from console.live_updates import Parts, acquire_stream, answer_live, every, stream_updates
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.templating import page, part
from contracts.inventory import Product

ROWS = 50
PAUSE = 5.0  # seconds
PARTS = "stock_parts.html"
PATH = f"{csrf.PATH}/stock"
router = APIRouter(prefix=PATH, route_class=ConsoleRoute)


class Shown(NamedTuple):
    """Which products a page shows: with `q` in their SKU or name, behind the SKU `after`."""

    q: str
    after: str

    def link(self, to: str = "", **changed: str) -> str:
        """A page of the same search, or its stream."""
        given = {name: value for name, value in ({"q": self.q} | changed).items() if value}
        return PATH + to + (f"?{urlencode(given)}" if given else "")


def read_query(
    q: Annotated[str, Query(max_length=200)] = "", after: Annotated[str, Query(max_length=200)] = ""
) -> Shown:
    """The dependency: what the URL says."""
    return Shown(q.strip(), after)


Which = Annotated[Shown, Depends(read_query)]


@router.get("")
async def stock_page(request: Request, which: Which, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page."""
    found = await _find(which, deps)
    rows = found[:ROWS]
    more = which.link(after=rows[-1].sku) if len(found) > ROWS else ""
    live = which.link("/live", after=which.after)
    return page(request, "stock.html", shown=which, products=rows, more=more, live=live)


@router.get("/live", dependencies=[Depends(acquire_stream)])
async def stock_stream(which: Which, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page's stream."""
    frames = stream_updates(partial(_parts, which, deps), every(PAUSE))
    return answer_live(frames, until=me.caller.until)


async def _parts(which: Shown, deps: ConsoleBackend) -> Parts:
    found = (await _find(which, deps))[:ROWS]
    rows_by_key = {row.sku: part(PARTS, "row", row) for row in found}
    return {"products": rows_by_key, **await deps.board.attention_part()}


async def _find(which: Shown, deps: ConsoleBackend) -> Sequence[Product]:
    """The products from there on, in the order of the database, which knows its own collation."""
    products = await deps.services.inventory.list_products()
    skus = [product.sku for product in products]
    start = skus.index(which.after) + 1 if which.after in skus else 0
    wanted = which.q.lower()
    return [
        product
        for product in products[start:]
        if wanted in product.sku.lower() or wanted in product.name.lower()
    ]
