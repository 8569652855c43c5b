"""All orders together: how they flow, and what operators decided. For people who look on."""

from typing import Any

from sqlalchemy import Integer, RowMapping, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.order_statistics import FlowSlice, Intervention, OrderFlow
from contracts.orders import OPEN_STATUSES
from services.order.tables import WORDS, events, orders


async def flow(tx: AsyncConnection, seconds: int, slots: int) -> OrderFlow:
    """How orders flowed in the last slots of so many seconds each, and which are open."""
    oldest = select(orders.c.id, orders.c.created_at).where(orders.c.status.in_(OPEN_STATUSES))
    waiting = select(func.count()).where(orders.c.status.in_(OPEN_STATUSES)).scalar_subquery()
    first = oldest.order_by(orders.c.created_at).limit(1)
    now, number = (await tx.execute(select(func.now(), waiting))).one()
    found = (await tx.execute(first)).first()
    return OrderFlow(
        now=now,
        slices=await _read_slices(tx, seconds, slots),
        open=number,
        oldest_id=found.id if found else None,
        oldest_at=found.created_at if found else None,
    )


async def _read_slices(tx: AsyncConnection, seconds: int, slots: int) -> tuple[FlowSlice, ...]:
    age = func.extract("epoch", func.now() - orders.c.created_at)
    slot = cast(func.floor(age / seconds), Integer).label("slot")
    since = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds * slots)
    statement = (
        select(slot, orders.c.status, func.count().label("orders"))
        .where(orders.c.created_at > since)
        .group_by(slot, orders.c.status)
        .order_by(slot, orders.c.status)
    )
    rows = await tx.execute(statement)
    # An order that was recorded after this transaction began has a negative age.
    return tuple(
        FlowSlice(slot=max(0, row.slot), status=row.status, orders=row.orders) for row in rows
    )


async def interventions(tx: AsyncConnection, limit: int) -> list[Intervention]:
    """What operators said of blocked steps, newest first."""
    told = events.c
    statement = (
        select(told.stream_id, told.data, told.recorded_at)
        # As the index has it, word for word.
        .where(literal_column(WORDS))
        .order_by(told.recorded_at.desc())
        .limit(limit)
    )
    return [_to_intervention(row) for row in (await tx.execute(statement)).mappings()]


def _to_intervention(row: RowMapping) -> Intervention:
    data: dict[str, Any] = row["data"]
    return Intervention(
        order_id=row["stream_id"],
        step=data["step"],
        action=data.get("action", ""),
        evidence=data.get("evidence", ""),
        who=data["who"],
        recorded_at=row["recorded_at"],
    )
