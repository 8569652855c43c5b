"""Moving pieces of products between available, reserved and sold, in the caller's transaction."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Text,
    Update,
    and_,
    bindparam,
    column,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.integration_events import DomainEvent
from contracts.inventory import StockLine
from saga.participant import NotFound, Rejected, Unavailable
from saga.participant.barrier import Barrier
from saga.participant.barrier_table import claim_first
from saga.participant.clean_action import CleanAction
from services.inventory.tables import barrier, products

AVAILABLE, RESERVED, SOLD = "available", "reserved", "sold"
WAYS = ((AVAILABLE, RESERVED), (RESERVED, AVAILABLE), (RESERVED, SOLD), (SOLD, AVAILABLE))


GIVEN = bindparam("given_lines", type_=JSONB)
LINE = (
    func.jsonb_to_recordset(GIVEN)
    .table_valued(column("sku", Text), column("quantity", BigInteger), name="given")
    .render_derived(with_types=True)
)


def _moving(source: str, target: str, granted: CTE | None = None) -> Update:
    """Move the pieces of all `given_lines` between two columns, if there are enough of each.

    One statement for any number of lines, made once. Rows are locked in order of SKU first. With
    `granted`, all of them or an error, if that has a row; and none if it has not.
    """
    lines = select(products.c.sku, LINE.c.quantity, products.c[source].label("there"))
    lines = lines.join(LINE, products.c.sku == LINE.c.sku)
    if granted is not None:
        lines = lines.where(exists().select_from(granted))
    held = lines.order_by(products.c.sku).with_for_update(of=products).cte("held")
    from_, to = products.c[source], products.c[target]
    moved = {from_: from_ - held.c.quantity, to: to + held.c.quantity}
    statement = update(products).where(products.c.sku == held.c.sku).values(moved)
    if granted is not None:
        return statement
    enough = select(func.count()).select_from(held).where(held.c.there >= held.c.quantity)
    return statement.where(enough.scalar_subquery() == func.jsonb_array_length(GIVEN))


def in_one_statement(
    of: Barrier[DomainEvent], source: str, target: str, *when: ColumnElement[bool]
) -> CleanAction[DomainEvent]:
    """Move all `given_lines` as an action, if they are there and `when`. See `clean_action`.

    Pieces that are taken meanwhile are missed by the table's constraint.
    """
    there = select(func.count()).select_from(products).join(LINE, products.c.sku == LINE.c.sku)
    enough = there.where(products.c[source] >= LINE.c.quantity).scalar_subquery()
    claim = claim_first(barrier, and_(enough == func.jsonb_array_length(GIVEN), *when))
    moved = _moving(source, target, claim).cte("moved")
    return of.clean_action(select(claim).add_cte(moved), claim)


MOVING = {way: _moving(*way) for way in WAYS}


async def move(tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str) -> bool:
    """Move the pieces; False if there are too few of a line, and then all stay where they are."""
    its = give_lines(lines)
    moved = await tx.execute(MOVING[source, target], its)
    return moved.rowcount == len(its["given_lines"])


def give_lines(lines: Sequence[StockLine]) -> dict[str, Any]:
    """The parameter `given_lines`."""
    return {"given_lines": [{"sku": sku, "quantity": n} for sku, n in sums(lines).items()]}


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
