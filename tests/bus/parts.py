"""What tests of the bus are made of: events, handlers with an effect, and buses to open."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, Text, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.cloudevents import CloudEvent, schema_uri
from contracts.events.integration_events import EventType
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.inbox import Consumer, Handler, Patience
from infrastructure.messaging.nats_bus import open_nats_bus
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from services.event.tables import bus, inbox

Opening = Callable[[], AbstractAsyncContextManager[Bus]]
QUICK = Patience(attempts=3, timeouts=4, timeout=0.5, first_pause=0.05, longest_pause=0.1)
ACK_WAIT = 1.0

EFFECTS = Table(
    "effects",
    MetaData(),
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("number", Integer, nullable=False),
)


def opening(url: str) -> Opening:
    """How to open the bus at this URL."""
    if url.startswith("nats:"):
        return lambda: open_nats_bus(url, ack_wait=ACK_WAIT)
    return lambda: open_postgres_bus(url, bus)


def event(subject: str, number: int, **data: Any) -> CloudEvent:
    """The event of this number of a subject."""
    return CloudEvent(
        id=str(uuid4()),
        source="/services/order",
        type=EventType.ORDER_CONFIRMED,
        subject=subject,
        time=datetime.now(UTC),
        dataschema=schema_uri(EventType.ORDER_CONFIRMED),
        data={"number": number, **data},
    )


def number_of(it: CloudEvent) -> int:
    """Its place among the events of its subject."""
    return int(it.data["number"] if "number" in it.data else it.data["version"])


def some_events(subjects: int, each: int) -> list[CloudEvent]:
    """Events of several subjects, interleaved; numbers count from 1 in each."""
    return [event(f"s{s}", n) for n in range(1, each + 1) for s in range(subjects)]


def noting(name: str) -> Handler:
    """A handler whose effect is a row."""

    async def handle(tx: AsyncConnection, it: CloudEvent) -> None:
        row = {"consumer": name, "event_id": it.id, "subject": it.subject}
        await tx.execute(EFFECTS.insert().values(number=number_of(it), **row))

    return handle


def consumer(
    database: Database, name: str, handler: Handler | None = None, patience: Patience = QUICK
) -> Consumer:
    """A consumer with that effect, or another handler."""
    return Consumer(name, database, inbox, handler or noting(name), patience)


async def effects(database: Database, name: str) -> dict[str, list[int]]:
    """The numbers of each subject's effects, in the order in which they came about."""
    found = defaultdict(list)
    statement = select(EFFECTS).where(EFFECTS.c.consumer == name).order_by(EFFECTS.c.position)
    async with database.transaction() as tx:
        for row in await tx.execute(statement):
            found[row.subject].append(row.number)
    return dict(found)


async def count(database: Database, name: str) -> int:
    """How many effects there are."""
    statement = select(func.count()).where(EFFECTS.c.consumer == name)
    async with database.transaction() as tx:
        return int((await tx.execute(statement)).scalar_one())


def once_in_order(events: Sequence[CloudEvent]) -> dict[str, list[int]]:
    """What `effects` must be when all of these were handled."""
    expected = defaultdict(list)
    for record in events:
        expected[record.subject].append(number_of(record))
    return dict(expected)
