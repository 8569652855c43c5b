"""The outbox: events to publish, written in the transaction of the effect.

A row's number is given while its aggregate is locked by the same transaction (a version of its
stream, its own row, or its barrier row). So the numbers of one subject's rows are in the order of
their commits, and a relay that goes by number keeps each subject's order. Rows of different
subjects may show late, which is why a relay looks for what is not published, never behind a number.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Insert,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    column,
    exists,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import HasCTE

from contracts.events.integration_events import DATA, DomainEvent
from infrastructure.postgres.notify import announce
from saga.participant.outbox import Session

CHANNEL = "outbox"
ROWS = "rows_to_publish"
S = TypeVar("S", bound=HasCTE)


def outbox_table(metadata: MetaData) -> Table:
    """The table `outbox` in a service's own database."""
    return Table(
        "outbox",
        metadata,
        Column("position", BigInteger, Identity(always=True), primary_key=True),
        Column("id", Uuid(as_uuid=False), nullable=False, server_default=func.gen_random_uuid()),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("published_at", DateTime(timezone=True)),
        Index("outbox_unpublished", "position", postgresql_where=text("published_at IS NULL")),
        Index("outbox_published", "published_at"),
    )


def set_aside_table(metadata: MetaData) -> Table:
    """The table `outbox_set_aside`: rows that a relay could not publish, out of the others' way."""
    return Table(
        "outbox_set_aside",
        metadata,
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("id", Uuid(as_uuid=False), nullable=False),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("error", Text, nullable=False),
        Column("set_aside_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


class OutboxTables(NamedTuple):
    """What a relay works on in a service's database."""

    outbox: Table
    set_aside: Table


class Outbox:
    """The outbox of one service. Every method works in the caller's transaction."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._insert = _build_insertion(table)

    async def publish(self, tx: AsyncConnection, events: Sequence[DomainEvent]) -> None:
        """Have these published, if the transaction commits."""
        if events:
            await tx.execute(self._insert, self.rows(tx, events))

    def along(self, statement: S, granted: CTE | None = None) -> S:
        """The statement with the insertion as a part of it, which saves a round trip.

        Made once; what is published comes with each execution, as the parameters of `rows`. Nothing
        is, if there is no row in `granted`.
        """
        insertion = self._insert if granted is None else _build_insertion(self._table, granted)
        return statement.add_cte(insertion.cte("to_publish"))

    def rows(self, tx: Session, events: Sequence[DomainEvent]) -> dict[str, Any]:
        """The parameters that have these published; none are fine, too."""
        if events:
            announce(tx, CHANNEL, "")
        return {ROWS: [_to_row(event) for event in events]}


def _build_insertion(table: Table, granted: CTE | None = None) -> Insert:
    """One statement for any number of rows: SQLAlchemy compiles it once, PostgreSQL plans it once.

    A list of VALUES would be another statement for each length, and is never kept.
    """
    given = func.jsonb_to_recordset(bindparam(ROWS, type_=JSONB)).table_valued(
        column("type", Text), column("subject", Text), column("data", JSONB), name="given"
    )
    rows = select(given.render_derived(with_types=True))
    if granted is not None:
        rows = rows.where(exists().select_from(granted))
    return insert(table).from_select(["type", "subject", "data"], rows)


def _to_row(event: DomainEvent) -> dict[str, Any]:
    if not isinstance(event.data, DATA[event.type]):
        raise TypeError(f"{event.type} carries {DATA[event.type].__name__}, not {event.data!r}")
    return {
        "type": event.type,
        "subject": event.subject,
        "data": event.data.model_dump(mode="json"),
    }
