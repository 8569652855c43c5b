"""The event store, its readers and the relay, beside the package `eventsourcing`: what is measured.

Both run in this process, on one PostgreSQL. Ours is asynchronous, theirs has threads; each has
WRITERS that append one event to a stream of its own at a time, each append a transaction. Readers
go through all events by their global order, PAGE at a time. The relay takes each event, once, to
where others consume it: ours from the outbox to the bus, theirs as its process applications do,
which record each event with how far they have come (tracking).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol
from uuid import uuid4

from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import (
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresProcessRecorder,
)
from sqlalchemy import select
from sqlalchemy.engine import make_url

from contracts.base import Money
from contracts.event_records import BEGINNING
from contracts.events.integration_events import DomainEvent, EventType, OrderEvent
from contracts.orders import OrderStatus
from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.messaging.outbox import Outbox, OutboxTables
from infrastructure.messaging.postgres_bus import PostgresBus
from infrastructure.messaging.relay import Relay
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
from services.event import tables as event_tables
from services.order import tables as order_tables

WRITERS = 8
PAGE = 200
DATA = {"status": "pending", "total": {"minor": 5000, "currency": "EUR"}, "note": "x" * 100}


class EventStoreSubject(Protocol):
    """Each method's result is events a second."""

    async def append(self, seconds: float) -> float:
        """WRITERS at once."""

    async def read(self) -> float:
        """All there are, in their global order."""

    async def relay(self, events: int) -> float:
        """So many that wait."""


class Ours:
    """The event store, the outbox and the relay of this project."""

    def __init__(self, orders: Database, events: Database) -> None:
        self._orders = orders
        self._events = events
        self._store = EventStore(order_tables.events)

    async def append(self, seconds: float) -> float:
        """Each writer appends, one transaction an event, until the time is over."""
        ends = time.perf_counter() + seconds

        async def write(stream: str) -> int:
            version = 0
            while time.perf_counter() < ends:
                async with self._orders.transaction() as tx:
                    new = [NewEvent("Happened", DATA)]
                    version = await self._store.append(tx, stream, new, expected_version=version)
            return version

        return sum(await asyncio.gather(*(write(uuid4().hex) for _ in range(WRITERS)))) / seconds

    async def read(self) -> float:
        """Page by page, as a projection does."""
        began, seen, at = time.perf_counter(), 0, BEGINNING
        while True:
            async with self._orders.transaction() as tx:
                page = await self._store.read_all(tx, after=at, limit=PAGE)
            seen += len(page)
            if len(page) < PAGE:
                return seen / (time.perf_counter() - began)
            at = page[-1].position

    async def relay(self, events: int) -> float:
        """From the outbox to the bus on PostgreSQL."""
        outbox = Outbox(order_tables.outbox)
        async with self._orders.transaction() as tx:
            await outbox.publish(tx, [_make_domain_event(n) for n in range(events)])
        notifications = NotificationListener("", "")  # unused: called until nothing waits
        bus = PostgresBus(self._events, event_tables.bus, notifications)
        tables = OutboxTables(order_tables.outbox, order_tables.set_aside)
        relay = Relay("order", self._orders, tables, bus, notifications)
        began = time.perf_counter()
        while await relay.relay():
            pass
        took = time.perf_counter() - began
        async with self._events.transaction() as tx:
            taken = len((await tx.execute(select(event_tables.bus.events.c.event_id))).all())
        if taken % events:
            raise RuntimeError(f"{taken} events are on the bus, of rounds of {events}")
        return events / took


class Theirs:
    """`eventsourcing` on the same server, by its recorders for PostgreSQL."""

    def __init__(self, url: str) -> None:
        place = make_url(url)
        store = PostgresDatastore(
            dbname=str(place.database),
            host=str(place.host),
            port=str(place.port),
            user=str(place.username),
            password=str(place.password),
            pool_size=WRITERS,
        )
        self._store = store
        self._log = PostgresApplicationRecorder(store, events_table_name="log_events")
        self._log.create_table()
        self._follower = PostgresProcessRecorder(
            store, events_table_name="follower_events", tracking_table_name="follower_tracking"
        )
        self._follower.create_table()

    def close(self) -> None:
        """Close its connections."""
        self._store.close()

    async def append(self, seconds: float) -> float:
        """Each writer is a thread."""
        ends = time.perf_counter() + seconds

        def write() -> int:
            stream, version = uuid4(), 0
            while time.perf_counter() < ends:
                version += 1
                self._log.insert_events([_make_stored_event(stream, version)])
            return version

        return sum(await _in_threads([write] * WRITERS)) / seconds

    async def read(self) -> float:
        """Page by page, by notification id."""
        return (await _in_threads([self._read]))[0]

    async def relay(self, events: int) -> float:
        """A follower records each event with its tracking: one transaction an event."""
        return (await _in_threads([partial(self._relay, events)]))[0]

    def _read(self) -> float:
        began, seen, at = time.perf_counter(), 0, 0
        while True:
            page = self._log.select_notifications(at + 1, PAGE)
            seen += len(page)
            if len(page) < PAGE:
                return seen / (time.perf_counter() - began)
            at = page[-1].id

    def _relay(self, events: int) -> float:
        at = self._log.max_notification_id() or 0
        stream = uuid4()
        for version in range(1, events + 1):
            self._log.insert_events([_make_stored_event(stream, version)])
        began, done = time.perf_counter(), 0
        while page := self._log.select_notifications(at + 1, PAGE):
            for order in page:
                copy = _make_stored_event(uuid4(), 1)
                self._follower.insert_events([copy], tracking=Tracking("log", order.id))
            at, done = page[-1].id, done + len(page)
        return done / (time.perf_counter() - began)


async def _in_threads(works: Sequence[Callable[[], float]]) -> list[float]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(works)) as pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, work) for work in works))


def _make_stored_event(stream: object, version: int) -> StoredEvent:
    state = repr(DATA).encode()
    return StoredEvent(originator_id=stream, originator_version=version, topic="t:e", state=state)


def _make_domain_event(number: int) -> DomainEvent:
    order_id = f"ord_{number % 100}"
    told = OrderEvent(
        order_id=order_id,
        customer_id="usr_1",
        status=OrderStatus.PENDING,
        total=Money(minor=5000, currency="EUR"),
        reason=None,
        version=number + 1,
    )
    return DomainEvent(EventType.ORDER_PLACED, order_id, told)
