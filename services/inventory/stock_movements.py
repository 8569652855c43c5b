"""Moving pieces of products between available, reserved and sold, in the caller's transaction."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import BigInteger, Text, Update, bindparam, column, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.inventory import StockLine
from saga.participant import NotFound, Rejected, Unavailable
from services.inventory.tables import products

AVAILABLE, RESERVED, SOLD = "available", "reserved", "sold"
WAYS = ((AVAILABLE, RESERVED), (RESERVED, AVAILABLE), (RESERVED, SOLD), (SOLD, AVAILABLE))


def _moving(source: str, target: str) -> Update:
    """Move the pieces of all `given_lines` between two columns, where there are enough.

    One statement for any number of lines, made once. Rows are locked in order of SKU first.
    """
    given = func.jsonb_to_recordset(bindparam("given_lines", type_=JSONB)).table_valued(
        column("sku", Text), column("quantity", BigInteger), name="given"
    )
    line = given.render_derived(with_types=True)
    held = (
        select(products.c.sku, line.c.quantity)
        .join(line, products.c.sku == line.c.sku)
        .order_by(products.c.sku)
        .with_for_update(of=products)
        .cte("held")
    )
    from_, to = products.c[source], products.c[target]
    return (
        update(products)
        .where(products.c.sku == held.c.sku, from_ >= held.c.quantity)
        .values({from_: from_ - held.c.quantity, to: to + held.c.quantity})
    )


MOVING = {way: _moving(*way) for way in WAYS}


async def move(tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str) -> bool:
    """Move the pieces; False if there are too few of a line, and the others must not stay moved."""
    given = [{"sku": sku, "quantity": quantity} for sku, quantity in sums(lines).items()]
    moved = await tx.execute(MOVING[source, target], {"given_lines": given})
    return moved.rowcount == len(given)


def sums(lines: Sequence[StockLine]) -> Counter[str]:
    """How many pieces of each product."""
    found = Counter[str]()
    for line in lines:
        found[line.sku] += line.quantity
    return found


async def must_move(
    tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str
) -> None:
    """Move the pieces. Rejected `stock_not_held` if they are not there."""
    if not await move(tx, lines, source, target):
        raise Rejected("stock_not_held", f"{pieces(lines)} should be {source}, but are not")


async def why_not(tx: AsyncConnection, lines: Sequence[StockLine]) -> Rejected:
    """Which line cannot be had: the first in order of SKU."""
    skus = [line.sku for line in lines]
    found = await tx.execute(
        select(products.c.sku, products.c.available).where(products.c.sku.in_(skus))
    )
    available = {row.sku: row.available for row in found}
    for line in sorted(lines, key=lambda it: it.sku):
        if line.sku not in available:
            return unknown(line.sku)
        if (there := available[line.sku]) < line.quantity:
            detail = f"{line.sku}: {line.quantity} wanted, {there} available"
            return Rejected("out_of_stock", detail)
    raise Unavailable("stock changed while it was looked at")


def pieces(lines: Sequence[StockLine]) -> str:
    """The lines, for people."""
    return ", ".join(f"{line.quantity} x {line.sku}" for line in lines)


def unknown(sku: str) -> NotFound:
    """The error for a product that is not there."""
    return NotFound("unknown_sku", f"there is no product {sku}")
