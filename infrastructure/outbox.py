"""The outbox: events to publish, written in the transaction of the effect.

A row's number is given while its aggregate is locked by the same transaction (a version of its
stream, its own row, or its barrier row). So the numbers of one subject's rows are in the order of
their commits, and a relay that goes by number keeps each subject's order. Rows of different
subjects may show late, which is why a relay looks for what is not published, never behind a number.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import (
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
    func,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import HasCTE

from contracts.published import DATA, DomainEvent
from infrastructure.notices import announce

CHANNEL = "outbox"
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


class Outbox:
    """The outbox of one service. Every method works in the caller's transaction."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def publish(self, tx: AsyncConnection, events: Sequence[DomainEvent]) -> None:
        """Have these published, if the transaction commits."""
        if events:
            await tx.execute(self._insert(events))
            announce(tx, CHANNEL, "")

    def along(self, tx: AsyncConnection, statement: S, events: Sequence[DomainEvent]) -> S:
        """The statement with the insertion as a part of it, which saves a round trip."""
        if not events:
            return statement
        announce(tx, CHANNEL, "")
        return statement.add_cte(self._insert(events).cte("to_publish"))

    def _insert(self, events: Sequence[DomainEvent]) -> Insert:
        return insert(self._table).values([_row(event) for event in events])


def _row(event: DomainEvent) -> dict[str, Any]:
    if not isinstance(event.data, DATA[event.type]):
        raise TypeError(f"{event.type} carries {DATA[event.type].__name__}, not {event.data!r}")
    return {
        "type": event.type,
        "subject": event.subject,
        "data": event.data.model_dump(mode="json"),
    }
