"""Streams of events with optimistic concurrency, in the service's own database.

A writer says which version it has seen; if the stream has moved on, nothing is written and
Conflict tells the actual version. A reader of all streams misses nothing and repeats nothing, also
where a transaction commits later than one that began after it:

- An event's `transaction_id` is that of the transaction which wrote it, or that of its predecessor
  in the stream if that is higher. So the order of (transaction_id, position) keeps each stream's.
- Readers stop before the oldest transaction that is still at work. All below it has ended, and
  whoever commits later has a higher id, so nothing ever appears behind a reader.
- A trigger lifts it into the database's epoch, so it grows through restores: see `event_epochs`.

Why, and what it costs, is in docs/adr/0050-event-order.md.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    RowMapping,
    ScalarSelect,
    Select,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    text,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.event_records import BEGINNING, EPOCH_BITS, Position, PositionedEvent, RecordedEvent
from infrastructure.eventstore.epochs import HORIZON, current_epoch
from infrastructure.eventstore.table import appending
from infrastructure.eventstore.upcasters import UNCHANGED, Upcasters
from infrastructure.postgres.notify import announce
from saga.participant import Conflict
from saga.participant.outbox import Session

log = logging.getLogger(__name__)


class NewEvent(NamedTuple):
    """An event to append: its type's name and its JSON-ready data."""

    type: str
    data: dict[str, Any]


class EventStore:
    """Append and read, in the caller's transaction.

    With a `channel`, listeners there are told the ids of changed streams after each commit.
    Events of old schemas are read as the `upcasters` make them.
    """

    def __init__(
        self, table: Table, *, channel: str | None = None, upcasters: Upcasters = UNCHANGED
    ) -> None:
        self.table = table
        self._channel = channel
        self._upcasters = upcasters
        self._append = appending(table)

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
        written = await tx.execute(
            self._append, self.rows(tx, stream_id, events, expected_version=expected_version)
        )
        return await self.demand_all_written(
            tx, stream_id, len(written.all()), len(events), expected_version=expected_version
        )

    def along(self, granted: CTE | None = None) -> CTE:
        """An append as a part of another statement; its events come as the parameters of `rows`.

        Made once. Have the statement count the part's rows, and tell `demand_all_written`. With
        `granted`, which must ask for `is_at_expected_version`, all are written or the statement
        fails, if that has a row; and none if it has not.
        """
        append = self._append if granted is None else appending(self.table, granted)
        return append.cte("appended")

    def is_at_expected_version(self) -> ColumnElement[bool]:
        """Whether the stream is where `rows` has it, when the statement begins."""
        newest = self._newest(bindparam("its_stream", type_=Text))
        return newest == bindparam("its_version", type_=Integer)

    def rows(
        self,
        tx: Session,
        stream_id: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
    ) -> dict[str, Any]:
        """The parameters of an append. ValueError without events."""
        if not events:
            raise ValueError("no events to append")
        if self._channel is not None:
            announce(tx, self._channel, stream_id)
        return {
            "its_stream": stream_id,
            "its_version": expected_version,
            "new_events": [
                {
                    "type": event.type,
                    "schema": self._upcasters.newest(event.type),
                    "data": event.data,
                }
                for event in events
            ],
        }

    async def demand_all_written(
        self,
        tx: AsyncConnection,
        stream_id: str,
        written: int,
        events: int,
        *,
        expected_version: int,
    ) -> int:
        """The new version, if as many events were written as there were. Conflict if not."""
        if written == events:
            return expected_version + events
        actual = await self.version(tx, stream_id)
        raise Conflict(
            f"stream {stream_id} is at version {actual}, not {expected_version}",
            expected=expected_version,
            actual=actual,
        )

    async def version(self, tx: AsyncConnection, stream_id: str) -> int:
        """The version of the last event; 0 if there is none."""
        found: int = (await tx.execute(select(self._newest(stream_id)))).scalar_one()
        return found

    async def read(
        self, tx: AsyncConnection, stream_id: str, *, after: int = 0
    ) -> list[RecordedEvent]:
        """The events of a stream behind the version `after`, oldest first; maybe none."""
        row = self.table.c
        statement = (
            select(row.version, row.type, row.schema_version, row.data, row.recorded_at)
            .where(row.stream_id == stream_id, row.version > after)
            .order_by(row.version)
        )
        found = (await tx.execute(statement)).mappings()
        return [
            RecordedEvent(**(dict(record) | {"data": self._upcast(record)})) for record in found
        ]

    def history(self, after: ColumnElement[int] | None = None) -> ScalarSelect[Any]:
        """A stream's events behind a version as a part of a statement, for `events_of`.

        Made once; the stream's id comes as the parameter `its_stream`.
        """
        row = self.table.c
        event = func.jsonb_build_array(row.type, row.schema_version, row.data)
        events = func.coalesce(func.jsonb_agg(aggregate_order_by(event, row.version)), text("'[]'"))
        stream = bindparam("its_stream", type_=Text)
        its = select(type_coerce(events, JSONB)).where(row.stream_id == stream)
        return (its if after is None else its.where(row.version > after)).scalar_subquery()

    def events_of(self, history: Sequence[Any]) -> list[NewEvent]:
        """What `history` answered, oldest first, in today's schemas."""
        lift = self._upcasters.lift
        return [NewEvent(kind, lift(kind, version, data)) for kind, version, data in history]

    async def read_all(
        self, tx: AsyncConnection, *, after: Position = BEGINNING, limit: int
    ) -> list[PositionedEvent]:
        """The next events of all streams, oldest first; go on behind the last one's position.

        An event shows when no transaction that began before its own is at work in the server.
        """
        row, statement = self.table.c, self._select_showing()
        later = statement.where(tuple_(row.transaction_id, row.position) > tuple_(*after))
        rows = await tx.execute(later.order_by(row.transaction_id, row.position).limit(limit))
        return [self._to_positioned_event(found) for found in rows.mappings()]

    async def read_newest(
        self, tx: AsyncConnection, *, before: Position | None = None, limit: int
    ) -> list[PositionedEvent]:
        """The last events that `read_all` shows now, or the last before one; newest first."""
        row, statement = self.table.c, self._select_showing()
        if before is not None:
            statement = statement.where(tuple_(row.transaction_id, row.position) < tuple_(*before))
        newest = statement.order_by(row.transaction_id.desc(), row.position.desc())
        rows = await tx.execute(newest.limit(limit))
        return [self._to_positioned_event(found) for found in rows.mappings()]

    async def newest(self, tx: AsyncConnection) -> Position:
        """Behind everything that `read_all` shows now; BEGINNING if that is nothing.

        Begins the epoch of a database that was restored; without it, old events may not show.
        """
        await current_epoch(tx)
        found = await self.read_newest(tx, limit=1)
        return found[0].position if found else BEGINNING

    async def is_from_a_backup(self, tx: AsyncConnection, stream_id: str) -> bool:
        """Whether the database was restored since this stream began, so that it may lack events."""
        row = self.table.c
        began = select(func.min(row.transaction_id)).where(row.stream_id == stream_id)
        transaction = (await tx.execute(began)).scalar_one()
        return transaction is not None and transaction >> EPOCH_BITS < await current_epoch(tx)

    def _select_showing(self) -> Select[Any]:
        own = self.table.c.transaction_id
        return select(self.table).where(own < literal_column(HORIZON, BigInteger))

    def _newest(self, stream: str | BindParameter[str]) -> ScalarSelect[int]:
        newest = select(func.coalesce(func.max(self.table.c.version), 0))
        return newest.where(self.table.c.stream_id == stream).scalar_subquery()

    def _upcast(self, row: RowMapping) -> dict[str, Any]:
        return self._upcasters.lift(row["type"], row["schema_version"], row["data"])

    def _to_positioned_event(self, row: RowMapping) -> PositionedEvent:
        """One that this release cannot read is shown as it is stored: it holds up no other."""
        position = Position(row["transaction_id"], row["position"])
        try:
            data = self._upcast(row)
        except (ValueError, LookupError, TypeError) as error:
            log.warning("event %s of %s is shown as stored: %s", position, row["stream_id"], error)
            data = row["data"]
        data = data if isinstance(data, dict) else {"stored": data}
        return PositionedEvent(**(dict(row) | {"position": position, "data": data}))
