"""The inbox: a handler's effect once only, and an end for events that it cannot handle.

A consumer's handler works in the transaction that notes the event as handled. A repetition finds
the note and does nothing. What fails is tried again, with growing pauses, in its turn. After some
attempts it becomes a dead letter, and the events behind it go on without it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.cloudevents import CloudEvent
from contracts.errors import NotFound, Unavailable
from contracts.message import Message
from infrastructure.bus import Bus
from infrastructure.database import Database

log = logging.getLogger(__name__)

Handler = Callable[[AsyncConnection, CloudEvent], Awaitable[None]]


@dataclass(frozen=True)
class InboxTables:
    """In the database in which handlers have their effects."""

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


class DeadLetter(Message):
    """An event that a consumer could not handle, and its last error."""

    id: int
    consumer: str
    event: CloudEvent
    attempts: int
    error: str
    died_at: datetime


@dataclass(frozen=True)
class Patience:
    """How often an event is tried, for how many seconds each, and the pauses in between."""

    attempts: int = 10
    timeout: float = 5.0
    first_pause: float = 0.2
    longest_pause: float = 30.0

    def pause(self, attempts: int) -> float:
        """Seconds until the next attempt."""
        return min(self.longest_pause, self.first_pause * 2.0 ** (attempts - 1))


class Consumer:
    """Hands events to a handler; its `deliver` is what a bus wants.

    An attempt that ends in Unavailable is not counted: that is nothing that the event has done.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        tables: InboxTables,
        handler: Handler,
        patience: Patience = Patience(),
    ) -> None:
        self.name = name
        self._database = database
        self._tables = tables
        self._handler = handler
        self._patience = patience

    async def deliver(self, event: CloudEvent) -> float | None:
        """Handle it, or note that it failed: None if done with, else seconds until a retry."""
        try:
            async with asyncio.timeout(self._patience.timeout):
                await self._handle(event)
        except Unavailable as error:
            log.warning("%s: %s %s waits: %s", self.name, event.type, event.id, error)
            return self._patience.first_pause
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a failed attempt
            return await self._failed(event, f"{error.__class__.__name__}: {error}")
        return None

    async def _handle(self, event: CloudEvent) -> None:
        first = (
            insert(self._tables.inbox)
            .values(consumer=self.name, event_id=event.id)
            .on_conflict_do_nothing()
            .returning(self._tables.inbox.c.event_id)
        )
        async with self._database.transaction() as tx:
            if (await tx.execute(first)).first() is not None:
                await self._handler(tx, event)

    async def _failed(self, event: CloudEvent, error: str) -> float | None:
        log.warning("%s: %s %s failed: %s", self.name, event.type, event.id, error)
        table = self._tables.failures
        attempts = table.c.attempts + 1
        noted = (
            insert(table)
            .values(consumer=self.name, event_id=event.id, attempts=1, error=error)
            .on_conflict_do_update(
                index_elements=["consumer", "event_id"],
                set_={"attempts": attempts, "error": error, "failed_at": func.now()},
            )
            .returning(table.c.attempts)
        )
        try:
            async with self._database.transaction() as tx:
                so_far: int = (await tx.execute(noted)).scalar_one()
                if so_far < self._patience.attempts:
                    return self._patience.pause(so_far)
                await self._bury(tx, event, so_far, error)
        except Unavailable:
            return self._patience.first_pause
        return None

    async def _bury(
        self, tx: AsyncConnection, event: CloudEvent, attempts: int, error: str
    ) -> None:
        table, failures = self._tables.dead_letters, self._tables.failures
        values: dict[str, Any] = {"attempts": attempts, "error": error}
        letter = insert(table).values(
            consumer=self.name, event_id=event.id, event=event.model_dump(mode="json"), **values
        )
        await tx.execute(
            letter.on_conflict_do_update(
                index_elements=["consumer", "event_id"], set_=values | {"died_at": func.now()}
            )
        )
        mine = (failures.c.consumer == self.name, failures.c.event_id == event.id)
        await tx.execute(delete(failures).where(*mine))


class DeadLetters:
    """For operators: what died, and giving it another life."""

    def __init__(self, database: Database, tables: InboxTables) -> None:
        self._database = database
        self._table = tables.dead_letters

    async def list(self, *, limit: int = 100) -> list[DeadLetter]:
        """The oldest first."""
        statement = select(self._table).order_by(self._table.c.id).limit(limit)
        async with self._database.transaction() as tx:
            return [DeadLetter(**row) for row in (await tx.execute(statement)).mappings()]

    async def replay(self, letter_id: int, bus: Bus) -> CloudEvent:
        """Publish it anew; consumers that have handled it do nothing. NotFound if there is none."""
        found = select(self._table.c.event).where(self._table.c.id == letter_id)
        async with self._database.transaction() as tx:
            row = (await tx.execute(found)).first()
        if row is None:
            raise NotFound("unknown_dead_letter", f"there is no dead letter {letter_id}")
        event = CloudEvent.model_validate(row.event)
        await bus.publish([event], again=letter_id)
        async with self._database.transaction() as tx:
            await tx.execute(delete(self._table).where(self._table.c.id == letter_id))
        return event
