"""Relay and consumer killed with -9: nothing is lost, nothing has its effect twice, order stays."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from itertools import count as counting
from multiprocessing.process import BaseProcess

import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts.base import Money
from contracts.events.integration_events import DomainEvent, EventType, OrderEvent
from contracts.orders import OrderStatus
from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.messaging.inbox import DeadLetters
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Conflict, Unavailable
from services.event.tables import inbox
from services.order.tables import events, outbox
from tests.bus.parts import Opening, consumer, effects, some_events
from tests.bus.processes import (
    FOR_EVER,
    Places,
    consume_until,
    ended,
    relay_on,
    relay_what_waits,
    start,
    waiting,
)
from tests.bus.test_bus import consuming, handled
from tests.support.waiting import until

STORE, OUTBOX = EventStore(events), Outbox(outbox)
EUR = Money(minor=100, currency="EUR")
KILLED = -9
MOST_POINTS = 60


@pytest.fixture
def places(bus_url: str, databases: DatabaseSettings) -> Places:
    return Places(bus_url, databases.order_database_url, databases.event_database_url)


@pytest_asyncio.fixture
async def orders(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url, pool_size=10)
    yield opened
    await opened.close()


async def happen(orders: Database, order_id: str) -> None:
    """An event of an order's stream, and its publication, in one transaction."""
    async with orders.transaction() as tx:
        version = await STORE.version(tx, order_id)
        new = [NewEvent("Happened", {})]
        version = await STORE.append(tx, order_id, new, expected_version=version)
        told = OrderEvent(
            order_id=order_id,
            customer_id="usr_1",
            status=OrderStatus.PENDING,
            total=EUR,
            reason=None,
            version=version,
        )
        await OUTBOX.publish(tx, [DomainEvent(EventType.ORDER_PLACED, order_id, told)])


async def test_a_relay_killed_at_every_point_loses_and_doubles_nothing(
    open_bus: Opening, orders: Database, database: Database, places: Places
) -> None:
    kills, happened = 0, 0
    async with open_bus() as bus, consuming(bus, "c", consumer(database, "c").deliver):
        for point in range(1, MOST_POINTS):
            for order in ("a", "b", "a"):
                await happen(orders, order)
                happened += 1
            code = await ended(start(relay_what_waits, places, point))
            if code == 0:
                break
            assert code == KILLED
            kills += 1
            assert await ended(start(relay_what_waits, places, FOR_EVER)) == 0
            assert await waiting(orders) == 0
        await until(handled(database, "c", happened))
    print(f"\nrelay killed {kills} times")
    assert 4 <= kills < MOST_POINTS - 1
    assert await effects(database, "c") == {
        "a": list(range(1, 2 * (kills + 1) + 1)),
        "b": list(range(1, kills + 2)),
    }


async def test_a_consumer_killed_at_every_point_loses_and_doubles_nothing(
    open_bus: Opening, database: Database, places: Places
) -> None:
    kills, published = 0, 0
    async with open_bus() as bus:
        for point in range(1, MOST_POINTS):
            await bus.publish(some_events(subjects=1, each=2))
            published += 2
            code = await ended(start(consume_until, places, point, published))
            if code == 0:
                break
            assert code == KILLED
            kills += 1
            assert await ended(start(consume_until, places, FOR_EVER, published)) == 0
    print(f"\nconsumer killed {kills} times")
    assert 6 <= kills < MOST_POINTS - 1
    assert await effects(database, "c") == {"s0": [1, 2] * (kills + 1)}


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.events)])
async def test_relays_and_consumers_killed_at_random_lose_and_double_nothing(
    *, orders: Database, database: Database, places: Places, seconds: float
) -> None:
    dice = random.Random(7)
    ends = asyncio.get_running_loop().time() + seconds
    kills, written = counting(), 0

    def at_work() -> bool:
        """On a slow machine, for as long as it takes to write enough."""
        return asyncio.get_running_loop().time() < ends or written <= 10 * seconds

    async def write() -> None:
        nonlocal written
        while at_work():
            with suppress(Conflict, Unavailable):  # an outcome may be unknown: it is counted later
                await happen(orders, f"ord_{dice.randrange(10)}")
                written += 1
            await asyncio.sleep(dice.expovariate(100))

    async def kill_and_restart(work: partial[BaseProcess]) -> None:
        while at_work():
            process = work()
            try:
                await asyncio.sleep(dice.uniform(0.1, 2))
            finally:
                process.kill()
            assert await ended(process) == KILLED
            next(kills)

    relay = partial(start, relay_on, places)
    consume = partial(start, consume_until, places, FOR_EVER, FOR_EVER)
    works = [
        write(),
        write(),
        *(kill_and_restart(item) for item in (relay, relay, consume, consume)),
    ]
    async with (
        asyncio.TaskGroup() as tasks
    ):  # one that fails ends the others: nobody is left behind
        for item in works:
            tasks.create_task(item)
    last = [relay(), consume()]
    try:
        await until(partial(settled, orders, database), within=120)
    finally:
        for process in last:
            process.kill()
            await ended(process)
    assert await DeadLetters(database, inbox).list() == []
    async with orders.transaction() as tx:
        published = set((await tx.execute(select(outbox.c.id))).scalars())
    async with database.transaction() as tx:
        received = (await tx.execute(select(inbox.inbox.c.event_id))).scalars().all()
    print(f"\n{len(published)} events, {next(kills)} kills")
    assert published == set(received)
    assert len(published) > 10 * seconds
    for numbers in (await effects(database, "c")).values():
        assert numbers == list(range(1, len(numbers) + 1))
    assert sum(map(len, (await effects(database, "c")).values())) == len(published)


async def settled(orders: Database, database: Database) -> bool:
    """Whether all that was written is handled."""
    async with orders.transaction() as tx:
        written = len((await tx.execute(select(outbox.c.id))).all())
    return await waiting(orders) == 0 and await handled(database, "c", written)()
