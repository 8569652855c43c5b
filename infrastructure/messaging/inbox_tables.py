"""The tables of an inbox, in the database in which handlers have their effects."""

from dataclasses import dataclass
from datetime import datetime

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
)
from sqlalchemy.dialects.postgresql import JSONB


@dataclass(frozen=True)
class InboxTables:
    """What was handled, what failed, and what died of it."""

    inbox: Table
    failures: Table
    dead_letters: Table


def inbox_tables(metadata: MetaData) -> InboxTables:
    """The tables `inbox`, `failures` and `dead_letters`."""
    return InboxTables(
        Table(
            "inbox",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("event_id", Text, primary_key=True),
            _moment("handled_at"),
        ),
        Table(
            "failures",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("event_id", Text, primary_key=True),
            Column("attempts", Integer, nullable=False),
            Column("timeouts", Integer, nullable=False, server_default="0"),
            Column("error", Text, nullable=False),
            _moment("failed_at"),
        ),
        Table(
            "dead_letters",
            metadata,
            Column("id", BigInteger, Identity(always=True), primary_key=True),
            Column("consumer", Text, nullable=False),
            Column("event_id", Text, nullable=False),
            Column("event", JSONB, nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("error", Text, nullable=False),
            _moment("died_at"),
            UniqueConstraint("consumer", "event_id", name="dead_letters_once"),
        ),
    )


def _moment(name: str) -> "Column[datetime]":
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())
