"""The table of an event store, how rows are appended, and which transaction wrote them."""

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Identity,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    column,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.dml import ReturningInsert

COLUMNS = ("transaction_id", "stream_id", "version", "type", "schema_version", "data")
# `xid8` as bigint: drivers and SQLAlchemy know that. Neither lives to see the 63rd bit.
THIS_TRANSACTION = "pg_current_xact_id()::text::bigint"


def events_table(metadata: MetaData) -> Table:
    """The table `events`: one row an event, unique by stream and version."""
    return Table(
        "events",
        metadata,
        Column("transaction_id", BigInteger, nullable=False, server_default=this_transaction()),
        Column("position", BigInteger, Identity(always=True), nullable=False),
        Column("stream_id", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("type", Text, nullable=False),
        Column("schema_version", SmallInteger, nullable=False, server_default="1"),
        Column("data", JSONB, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("transaction_id", "position", name="events_pkey"),
        UniqueConstraint("stream_id", "version", name="events_stream_version"),
    )


def this_transaction() -> ColumnElement[int]:
    """The id of the transaction that asks."""
    return literal_column(THIS_TRANSACTION, BigInteger)


def appending(table: Table, granted: CTE | None = None) -> ReturningInsert[tuple[int]]:
    """Insert any number of events, if the stream is at the expected version; their versions.

    One statement, which is compiled once. Of writers at one version, the unique constraint lets the
    first one in; the others write nothing. With `granted` they fail, and it is none without a row.
    """
    stream, expected = bindparam("its_stream", type_=Text), bindparam("its_version", type_=Integer)
    newest = select(
        func.coalesce(func.max(table.c.version), 0).label("version"),
        func.coalesce(func.max(table.c.transaction_id), 0).label("transaction_id"),
    )
    head = newest.where(table.c.stream_id == stream).subquery("head")
    given = func.jsonb_array_elements(bindparam("new_events", type_=JSONB)).table_valued(
        column("event", JSONB), with_ordinality="number", name="given"
    )
    new = given.render_derived()
    rows = select(
        func.greatest(this_transaction(), head.c.transaction_id),
        stream,
        expected + new.c.number,
        new.c.event["type"].astext,
        new.c.event["schema"].as_integer(),
        new.c.event["data"],
    ).select_from(new.join(head, head.c.version == expected))
    append = insert(table)
    if granted is None:
        append = append.on_conflict_do_nothing()
    else:
        rows = rows.where(exists().select_from(granted))
    return append.from_select(COLUMNS, rows.order_by(new.c.number)).returning(table.c.version)
