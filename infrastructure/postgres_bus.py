"""The bus on PostgreSQL: a log of events, and how far each subscription is in each lane of it.

A consumer holds a lane by a lock of a transaction that only reads, until it writes the new position
at its end. So it has no transaction id meanwhile, which would hold back all readers of the log: see
docs/adr/0050-event-order.md. If it dies or is stopped, the lane is free again.
"""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.cloudevents import CloudEvent
from contracts.errors import Unavailable
from contracts.events import BEGINNING, Position
from infrastructure.bus import LANES, Deliver, lane_of
from infrastructure.database import Database
from infrastructure.endless import not_cancelled
from infrastructure.event_epochs import HORIZON
from infrastructure.events_table import THIS_TRANSACTION
from infrastructure.notices import Notices, announce

log = logging.getLogger(__name__)

CHANNEL = "bus"
BATCH = 50
TURN = 2.0  # seconds; with the time-out of a handler, less than idle transactions are allowed
POLL = 1.0
LOCKS = 0x0B05  # a space of advisory locks


@dataclass(frozen=True)
class BusTables:
    """In the database `event`."""

    events: Table
    positions: Table


def bus_tables(metadata: MetaData) -> BusTables:
    """The tables `bus_events` and `bus_positions`."""
    this_transaction = literal_column(THIS_TRANSACTION, BigInteger)
    return BusTables(
        Table(
            "bus_events",
            metadata,
            Column("lane", SmallInteger, nullable=False),
            Column("transaction_id", BigInteger, nullable=False, server_default=this_transaction),
            Column("position", BigInteger, Identity(always=True), nullable=False),
            Column("event_id", Text, nullable=False),
            Column("again", BigInteger, nullable=False, server_default="0"),
            Column("event", JSONB, nullable=False),
            Column("taken_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            PrimaryKeyConstraint("lane", "transaction_id", "position", name="bus_events_pkey"),
            UniqueConstraint("event_id", "again", name="bus_events_once"),
        ),
        Table(
            "bus_positions",
            metadata,
            Column("subscription", Text, primary_key=True),
            Column("lane", SmallInteger, primary_key=True),
            Column("transaction_id", BigInteger, nullable=False),
            Column("position", BigInteger, nullable=False),
            Column("retry_at", DateTime(timezone=True), nullable=False),
        ),
    )


class _Turn(NamedTuple):
    """What a turn of a lane came to: how far it is, how many were done, and if it must pause."""

    reached: Position
    done: int
    pause: float | None


class PostgresBus:
    """Implements `infrastructure.bus.Bus`."""

    def __init__(self, database: Database, tables: BusTables, notices: Notices) -> None:
        self._database = database
        self._events = tables.events
        self._positions = tables.positions
        self._notices = notices

    async def publish(self, events: Sequence[CloudEvent], *, again: int = 0) -> None:
        """Append to the log, in one statement."""
        rows = [
            {
                "lane": lane_of(event.subject),
                "event_id": event.id,
                "again": again,
                "event": event.model_dump(mode="json"),
            }
            for event in events
        ]
        async with self._database.transaction() as tx:
            await tx.execute(insert(self._events).values(rows).on_conflict_do_nothing())
            for lane in {str(row["lane"]) for row in rows}:
                announce(tx, CHANNEL, lane)

    async def consume(self, subscription: str, deliver: Deliver) -> None:
        """Work on all lanes side by side, as far as nobody else holds them."""
        async with asyncio.TaskGroup() as tasks:
            for lane in range(LANES):
                tasks.create_task(self._work(subscription, lane, deliver))

    async def close(self) -> None:
        """Nothing is ours: the database is closed by who made it."""

    async def _work(self, subscription: str, lane: int, deliver: Deliver) -> None:
        with self._notices.watch(str(lane)) as watch:
            while not_cancelled():
                try:
                    rest = await self._turn(subscription, lane, deliver)
                except Unavailable as error:
                    log.warning("%s, lane %s: %s", subscription, lane, error)
                    rest = POLL
                if rest:
                    await watch.wait(rest)

    async def _turn(self, subscription: str, lane: int, deliver: Deliver) -> float:
        """Deliver what is next, for a moment; the seconds to rest after it."""
        async with self._database.transaction() as tx:
            after = await self._hold(tx, subscription, lane)
            if after is None:
                return POLL
            turn = await self._deliver(await self._next(tx, lane, after), after, deliver)
            if turn.done or turn.pause is not None:
                await self._reached(tx, subscription, lane, turn)
        if turn.pause is not None:
            return min(POLL, turn.pause)
        return 0.0 if turn.done else POLL

    async def _hold(self, tx: AsyncConnection, subscription: str, lane: int) -> Position | None:
        """Where to go on, if the lane is free and not pausing."""
        row = self._positions.c
        number = _lock_number(subscription, lane)
        held = text("SELECT pg_try_advisory_xact_lock(:space, :number)")
        if not (await tx.execute(held, {"space": LOCKS, "number": number})).scalar_one():
            return None
        statement = select(
            row.transaction_id, row.position, (row.retry_at > func.clock_timestamp()).label("pause")
        ).where(row.subscription == subscription, row.lane == lane)
        found = (await tx.execute(statement)).first()
        if found is None:
            return BEGINNING
        return None if found.pause else Position(found.transaction_id, found.position)

    async def _next(
        self, tx: AsyncConnection, lane: int, after: Position
    ) -> list[tuple[Position, CloudEvent]]:
        row = self._events.c
        statement = (
            select(row.transaction_id, row.position, row.event)
            .where(row.lane == lane)
            .where(tuple_(row.transaction_id, row.position) > tuple_(*after))
            .where(row.transaction_id < literal_column(HORIZON, BigInteger))
            .order_by(row.transaction_id, row.position)
            .limit(BATCH)
        )
        found = await tx.execute(statement)
        return [(Position(it[0], it[1]), CloudEvent.model_validate(it[2])) for it in found]

    async def _deliver(
        self, events: Sequence[tuple[Position, CloudEvent]], after: Position, deliver: Deliver
    ) -> _Turn:
        ends = asyncio.get_running_loop().time() + TURN
        reached, done = after, 0
        for position, event in events:
            pause = await deliver(event)
            if pause is not None:
                return _Turn(reached, done, pause)
            reached, done = position, done + 1
            if asyncio.get_running_loop().time() > ends:
                break
        return _Turn(reached, done, None)

    async def _reached(
        self, tx: AsyncConnection, subscription: str, lane: int, turn: _Turn
    ) -> None:
        pause = text("clock_timestamp() + make_interval(secs => :pause)")
        moved = {"transaction_id": turn.reached.transaction, "position": turn.reached.number}
        values = moved | {"retry_at": pause.bindparams(pause=turn.pause or 0.0)}
        statement = insert(self._positions).values(subscription=subscription, lane=lane, **values)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["subscription", "lane"],
                set_=values,
            )
        )


def _lock_number(subscription: str, lane: int) -> int:
    """Of the 31 bits that an advisory lock's second key has."""
    return zlib.crc32(f"{subscription}/{lane}".encode()) & 0x7FFFFFFF


@asynccontextmanager
async def open_postgres_bus(
    url: str, tables: BusTables, *, pool_size: int = 10
) -> AsyncIterator[PostgresBus]:
    """A bus with its own connections."""
    database = Database(url, pool_size=pool_size)
    try:
        async with Notices(url, CHANNEL).listening() as notices:
            yield PostgresBus(database, tables, notices)
    finally:
        await database.close()
