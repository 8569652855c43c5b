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

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Message
from contracts.events.cloudevents import CloudEvent
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.inbox_tables import InboxTables
from infrastructure.postgres.database import Database
from infrastructure.telemetry.metrics import counter
from saga.participant import NotFound, Unavailable
from saga.participant.errors import describe_error

log = logging.getLogger(__name__)

Handler = Callable[[AsyncConnection, CloudEvent], Awaitable[None]]
Then = Callable[[CloudEvent], Awaitable[None]]
Wanted = Callable[[CloudEvent], Awaitable[bool]]


async def everything(_: CloudEvent) -> bool:
    """Every event is for this consumer."""
    return True


async def nothing(_: CloudEvent) -> None:
    """There is nothing to do outside of the transaction."""


class DeadLetter(Message):
    """An event that a consumer could not handle, and its last error.

    `event` is as it was stored: it may be none that anybody could read.
    """

    id: int
    consumer: str
    event_id: str
    event: Any
    attempts: int
    error: str
    died_at: datetime


@dataclass(frozen=True)
class Patience:
    """How often an event is tried, for how many seconds each, and the pauses in between.

    A handler that was too slow has not failed: everything may be slow for a while. So time-outs are
    counted by themselves, and it takes many of them, about an hour, until they are held against it.
    """

    attempts: int = 10
    timeouts: int = 120
    timeout: float = 5.0
    first_pause: float = 0.2
    longest_pause: float = 30.0

    def pause(self, attempts: int) -> float:
        """Seconds until the next attempt."""
        return min(self.longest_pause, self.first_pause * 2.0 ** (attempts - 1))


class Consumer:
    """Hands events to a handler; its `deliver` and `malformed` are what a bus wants.

    An event that is not `wanted` leaves no note. `then` is done after the handler's transaction, as
    often as the event comes: what is slow, and may be done twice. An attempt that ends in
    Unavailable is not counted: that is nothing that the event has done.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        tables: InboxTables,
        handler: Handler,
        patience: Patience = Patience(),
        *,
        wanted: Wanted = everything,
        then: Then = nothing,
    ) -> None:
        self.name = name
        self._database = database
        self._tables = tables
        self._handler = handler
        self._patience = patience
        self._wanted = wanted
        self._then = then

    async def deliver(self, event: CloudEvent) -> float | None:
        """Handle it, or note that it failed: None if done with, else seconds until a retry."""
        try:
            if not await self._wanted(event):
                return None
            async with asyncio.timeout(self._patience.timeout):
                await self._handle(event)
            await self._then(event)
        except Unavailable as error:
            log.warning("%s: %s %s waits: %s", self.name, event.type, event.id, error)
            return self._patience.first_pause
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a failed attempt
            return await self._record_failure(event, error)
        return None

    async def bury_malformed(self, event_id: str, what: Any, error: str) -> float | None:
        """Bury what is no event; the ones behind it go on."""
        log.error("%s: %s is no event: %s", self.name, event_id, error)
        try:
            async with self._database.transaction() as tx:
                await self._bury(tx, event_id, what, 0, error)
        except Unavailable:
            return self._patience.first_pause
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

    async def _record_failure(self, event: CloudEvent, raised: Exception) -> float | None:
        error = describe_error(raised)
        log.warning("%s: %s %s failed: %s", self.name, event.type, event.id, error)
        table, slow = self._tables.failures, isinstance(raised, TimeoutError)
        counted = {
            "attempts": table.c.attempts + int(not slow),
            "timeouts": table.c.timeouts + int(slow),
        }
        noted = (
            insert(table)
            .values(
                consumer=self.name,
                event_id=event.id,
                attempts=int(not slow),
                timeouts=int(slow),
                error=error,
            )
            .on_conflict_do_update(
                index_elements=["consumer", "event_id"],
                set_={**counted, "error": error, "failed_at": func.now()},
            )
            .returning(table.c.attempts, table.c.timeouts)
        )
        try:
            async with self._database.transaction() as tx:
                attempts, timeouts = (await tx.execute(noted)).one()
                if attempts < self._patience.attempts and timeouts < self._patience.timeouts:
                    return self._patience.pause(attempts + timeouts)
                stored = event.model_dump(mode="json")
                await self._bury(tx, event.id, stored, attempts + timeouts, error)
        except Unavailable:
            return self._patience.first_pause
        return None

    async def _bury(
        self, tx: AsyncConnection, event_id: str, event: Any, attempts: int, error: str
    ) -> None:
        counter("saga_events_died", "Events that became dead letters").add(
            1, {"consumer": self.name}
        )
        table, failures = self._tables.dead_letters, self._tables.failures
        values: dict[str, Any] = {"attempts": attempts, "error": error}
        letter = insert(table).values(consumer=self.name, event_id=event_id, event=event, **values)
        await tx.execute(
            letter.on_conflict_do_update(
                index_elements=["consumer", "event_id"], set_=values | {"died_at": func.now()}
            )
        )
        mine = (failures.c.consumer == self.name, failures.c.event_id == event_id)
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
        """Publish it anew; consumers that have handled it do nothing. NotFound if there is none.

        ValueError if it is no event that anybody could read.
        """
        found = select(self._table.c.event).where(self._table.c.id == letter_id)
        async with self._database.transaction() as tx:
            row = (await tx.execute(found)).first()
        if row is None:
            raise NotFound("unknown_dead_letter", f"there is no dead letter {letter_id}")
        event = CloudEvent.model_validate(row.event)
        publication = await bus.publish([event], again=letter_id)
        if event.id not in publication.taken:
            raise Unavailable(f"the bus did not take it: {publication.refused.get(event.id)}")
        async with self._database.transaction() as tx:
            await tx.execute(delete(self._table).where(self._table.c.id == letter_id))
        return event
