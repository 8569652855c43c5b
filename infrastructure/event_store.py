"""Streams of events with optimistic concurrency, in the service's own database.

A writer says which version it has seen; if the stream has moved on, nothing is written and
Conflict tells the actual version. The order of events across streams is not promised here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Conflict
from contracts.events import RecordedEvent


class NewEvent(NamedTuple):
    """An event to append: its type's name and its JSON-ready data."""

    type: str
    data: dict[str, Any]


def events_table(metadata: MetaData) -> Table:
    """The table `events`: one row an event, unique by stream and version."""
    return Table(
        "events",
        metadata,
        Column("position", BigInteger, Identity(always=True), primary_key=True),
        Column("stream_id", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("type", Text, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        UniqueConstraint("stream_id", "version", name="events_stream_version"),
    )


class EventStore:
    """Append and read, in the caller's transaction."""

    def __init__(self, table: Table) -> None:
        self._table = table

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
        rows = [
            {"stream_id": stream_id, "version": version, "type": event.type, "data": event.data}
            for version, event in enumerate(events, start=expected_version + 1)
        ]
        actual = await self.version(tx, stream_id)
        if actual == expected_version:
            statement = insert(self._table).values(rows).on_conflict_do_nothing()
            written = await tx.execute(statement.returning(self._table.c.version))
            if len(written.all()) == len(rows):
                return expected_version + len(rows)
            actual = await self.version(tx, stream_id)
        raise Conflict(
            f"stream {stream_id} is at version {actual}, not {expected_version}",
            expected=expected_version,
            actual=actual,
        )

    async def version(self, tx: AsyncConnection, stream_id: str) -> int:
        """The version of the last event; 0 if there is none."""
        newest = select(func.max(self._table.c.version)).where(self._table.c.stream_id == stream_id)
        return (await tx.execute(newest)).scalar() or 0

    async def read(self, tx: AsyncConnection, stream_id: str) -> list[RecordedEvent]:
        """All events of a stream, oldest first; empty if there is no such stream."""
        row = self._table.c
        statement = (
            select(row.version, row.type, row.data, row.recorded_at)
            .where(row.stream_id == stream_id)
            .order_by(row.version)
        )
        return [RecordedEvent(**found._mapping) for found in await tx.execute(statement)]
