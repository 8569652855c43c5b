"""Streams of events with optimistic concurrency, in the service's own database.

A writer says which version it has seen; if the stream has moved on, nothing is written and
Conflict tells the actual version. A reader of all streams misses nothing and repeats nothing, also
where a transaction commits later than one that began after it:

- An event's `transaction_id` is that of the transaction which wrote it, or that of its predecessor
  in the stream if that is higher. So the order of (transaction_id, position) keeps each stream's.
- Readers stop before the oldest transaction that is still at work. All below it has ended, and
  whoever commits later has a higher id, so nothing ever appears behind a reader.

Why, and what it costs, is in docs/adr/0050-event-order.md.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Identity,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    RowMapping,
    Table,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Conflict
from contracts.events import BEGINNING, Position, PositionedEvent, RecordedEvent
from infrastructure.notices import announce

# `xid8` as bigint: drivers and SQLAlchemy know that. Neither lives to see the 63rd bit.
THIS_TRANSACTION = "pg_current_xact_id()::text::bigint"
OLDEST_AT_WORK = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class NewEvent(NamedTuple):
    """An event to append: its type's name and its JSON-ready data."""

    type: str
    data: dict[str, Any]


class _Head(NamedTuple):
    """The last event of a stream; zeros if there is none."""

    version: int
    transaction_id: int


def events_table(metadata: MetaData) -> Table:
    """The table `events`: one row an event, unique by stream and version."""
    return Table(
        "events",
        metadata,
        Column("transaction_id", BigInteger, nullable=False, server_default=_this_transaction()),
        Column("position", BigInteger, Identity(always=True), nullable=False),
        Column("stream_id", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("type", Text, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("transaction_id", "position", name="events_pkey"),
        UniqueConstraint("stream_id", "version", name="events_stream_version"),
    )


def _this_transaction() -> ColumnElement[int]:
    return literal_column(THIS_TRANSACTION, BigInteger)


class EventStore:
    """Append and read, in the caller's transaction.

    With a `channel`, listeners there are told the ids of changed streams after each commit.
    """

    def __init__(self, table: Table, *, channel: str | None = None) -> None:
        self._table = table
        self._channel = channel

    async def append(
        self,
        tx: AsyncConnection,
        stream_id: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
    ) -> int:
        """Append behind `expected_version` (0 for a new stream) and return the new version.

        Raises Conflict, with nothing written, if the stream is at another version. Two writers at
        one version meet at the unique constraint: the second waits for the first and loses.
        """
        if not events:
            raise ValueError("no events to append")
        head = await self._head(tx, stream_id)
        if head.version == expected_version:
            if await self._write(tx, stream_id, head, events):
                if self._channel is not None:
                    announce(tx, self._channel, stream_id)
                return expected_version + len(events)
            head = await self._head(tx, stream_id)
        raise Conflict(
            f"stream {stream_id} is at version {head.version}, not {expected_version}",
            expected=expected_version,
            actual=head.version,
        )

    async def version(self, tx: AsyncConnection, stream_id: str) -> int:
        """The version of the last event; 0 if there is none."""
        return (await self._head(tx, stream_id)).version

    async def read(
        self, tx: AsyncConnection, stream_id: str, *, after: int = 0
    ) -> list[RecordedEvent]:
        """The events of a stream behind the version `after`, oldest first; maybe none."""
        row = self._table.c
        statement = (
            select(row.version, row.type, row.data, row.recorded_at)
            .where(row.stream_id == stream_id, row.version > after)
            .order_by(row.version)
        )
        return [RecordedEvent(**found._mapping) for found in await tx.execute(statement)]

    async def read_all(
        self, tx: AsyncConnection, *, after: Position = BEGINNING, limit: int
    ) -> list[PositionedEvent]:
        """The next events of all streams, oldest first; go on behind the last one's position.

        An event shows when no transaction that began before its own is at work in any database of
        the server: usually milliseconds after its commit.
        """
        row = self._table.c
        statement = (
            select(self._table)
            .where(tuple_(row.transaction_id, row.position) > tuple_(*after))
            .where(row.transaction_id < literal_column(OLDEST_AT_WORK, BigInteger))
            .order_by(row.transaction_id, row.position)
            .limit(limit)
        )
        return [_positioned(found) for found in (await tx.execute(statement)).mappings()]

    async def newest(self, tx: AsyncConnection) -> Position:
        """Behind everything that `read_all` shows now; BEGINNING if that is nothing."""
        row = self._table.c
        statement = (
            select(row.transaction_id, row.position)
            .where(row.transaction_id < literal_column(OLDEST_AT_WORK, BigInteger))
            .order_by(row.transaction_id.desc(), row.position.desc())
            .limit(1)
        )
        found = (await tx.execute(statement)).first()
        return Position(*found) if found else BEGINNING

    async def _head(self, tx: AsyncConnection, stream_id: str) -> _Head:
        row = self._table.c
        newest = (
            select(row.version, row.transaction_id)
            .where(row.stream_id == stream_id)
            .order_by(row.version.desc())
            .limit(1)
        )
        found = (await tx.execute(newest)).first()
        return _Head(*found) if found else _Head(0, 0)

    async def _write(
        self, tx: AsyncConnection, stream_id: str, head: _Head, events: Sequence[NewEvent]
    ) -> bool:
        """Insert behind the head; False if somebody else has."""
        transaction_id = func.greatest(_this_transaction(), head.transaction_id)
        rows = [
            {
                "transaction_id": transaction_id,
                "stream_id": stream_id,
                "version": version,
                "type": event.type,
                "data": event.data,
            }
            for version, event in enumerate(events, start=head.version + 1)
        ]
        statement = insert(self._table).values(rows).on_conflict_do_nothing()
        written = await tx.execute(statement.returning(self._table.c.version))
        return len(written.all()) == len(rows)


def _positioned(row: RowMapping) -> PositionedEvent:
    position = Position(row["transaction_id"], row["position"])
    return PositionedEvent(**(dict(row) | {"position": position}))
