"""The table of an event store, and how its rows are told which transaction wrote them."""

from sqlalchemy import (
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
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB

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
