"""The read model `orders`, compared with the fold of the events, and made anew from them.

Each order is dealt with in a transaction of its own, so that nobody waits longer than for another
change of that order. Readers see every order all the time.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, delete, exists, func, select, text, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.event_records import RecordedEvent
from infrastructure.eventstore.store import EventStore
from infrastructure.postgres.database import Database
from services.order.aggregate import OrderAggregate
from services.order.read_model import columns_of
from services.order.snapshots_and_upcasters import UPCASTERS
from services.order.tables import events, orders

BATCH = 500
ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
STORE = EventStore(events, upcasters=UPCASTERS)


class Difference(NamedTuple):
    """A row that is not what the events say; `row` or `fold` is None if there is no such thing."""

    order_id: str
    column: str
    row: Any
    fold: Any


class OrderProjection:
    """Checks and rebuilds the read model of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        """How many orders there are to go through."""
        async with self._database.transaction() as tx:
            ids = union(select(events.c.stream_id), select(orders.c.id)).subquery()
            return int((await tx.execute(select(func.count()).select_from(ids))).scalar_one())

    async def check(self) -> AsyncIterator[list[Difference]]:
        """The differences of each order, mostly none."""
        async for order_id in self._ids():
            async with self._database.transaction() as tx:
                await tx.execute(ONE_SNAPSHOT)
                row, history = await _row(tx, order_id), await STORE.read(tx, order_id)
                yield differences(order_id, row, history)

    async def rebuild(self) -> AsyncIterator[list[Difference]]:
        """What was wrong with each order, and is not any more."""
        async for order_id in self._ids():
            async with self._database.transaction() as tx:
                row = await _row(tx, order_id, lock=True)
                history = await STORE.read(tx, order_id)  # after the lock: as new as the row
                wrong = differences(order_id, row, history)
                if wrong:
                    await _write(tx, order_id, history)
            yield wrong

    async def _ids(self) -> AsyncIterator[str]:
        ids = union(select(events.c.stream_id.label("id")), select(orders.c.id)).subquery()
        after, page = "", [""]
        while page:
            statement = select(ids.c.id).where(ids.c.id > after).order_by(ids.c.id).limit(BATCH)
            async with self._database.transaction() as tx:
                page = list((await tx.execute(statement)).scalars())
            for order_id in page:
                yield order_id
                after = order_id


def differences(
    order_id: str, row: RowMapping | None, history: Sequence[RecordedEvent]
) -> list[Difference]:
    """Column by column; when a row was last written is not a matter of the events.

    Rows of an earlier release tell as `created_at` when the order was recorded, and may go on so.
    """
    fold = _fold(order_id, history)
    if row is None and fold is None:  # there are but notes of an order that was never recorded
        return []
    if row is None or fold is None:
        return [Difference(order_id, "id", row and row["id"], fold and fold["id"])]
    return [
        Difference(order_id, column, row[column], value)
        for column, value in fold.items()
        if row[column] != value
        and not (column == "created_at" and row[column] == _find_recorded_at(history))
    ]


def _fold(order_id: str, history: Sequence[RecordedEvent]) -> dict[str, Any] | None:
    order = OrderAggregate.from_history(order_id, history)
    if not order.placed:
        return None
    return columns_of(order) | {"created_at": order.accepted_at or _find_recorded_at(history)}


def _find_recorded_at(history: Sequence[RecordedEvent]) -> datetime:
    return next(event.recorded_at for event in history if event.type == "OrderPlaced")


async def _row(tx: AsyncConnection, order_id: str, *, lock: bool = False) -> RowMapping | None:
    statement = select(orders).where(orders.c.id == order_id)
    found = await tx.execute(statement.with_for_update() if lock else statement)
    return found.mappings().one_or_none()


async def _write(tx: AsyncConnection, order_id: str, history: Sequence[RecordedEvent]) -> None:
    fold = _fold(order_id, history)
    if fold is None:
        orphan = ~exists().where(events.c.stream_id == order_id)
        await tx.execute(delete(orders).where(orders.c.id == order_id, orphan))
        return
    values = fold | {"updated_at": history[-1].recorded_at}
    statement = insert(orders).values(values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
