"""Whoever is slow gets on, at his pace: nothing slow happens inside a transaction."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from unittest.mock import patch

import httpx2
import pytest
import pytest_asyncio
from nats.js import JetStreamContext
from sqlalchemy import text

from contracts.events.cloudevents import CloudEvent
from infrastructure.http.ssrf_safe_client import PublicHttp
from infrastructure.postgres import primary
from infrastructure.postgres.database import Database
from infrastructure.postgres.slow_transactions import SlowInTransaction
from infrastructure.settings import DatabaseSettings
from relay.relays import open_relays
from tests.bus.parts import Opening, consumer, effects, event, opening
from tests.bus.processes import waiting
from tests.bus.test_bus import consuming, handled
from tests.bus.test_kills import happen
from tests.support.waiting import until

IDLE = 0.3  # seconds after which the database ends an idle transaction here; 8 elsewhere


@pytest.fixture
def impatient() -> Iterator[None]:
    """The database ends transactions that are idle for a moment."""
    limit = {"idle_in_transaction_session_timeout": f"{IDLE:g}s"}
    with patch.dict(primary.SERVER_SETTINGS, limit):
        yield


@pytest_asyncio.fixture
async def orders(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url)
    yield opened
    await opened.close()


async def test_a_slow_consumer_gets_each_event_once(
    impatient: None, open_bus: Opening, database: Database
) -> None:
    delivered: list[str] = []

    async def slowly(it: CloudEvent) -> float | None:
        delivered.append(it.id)
        await asyncio.sleep(2 * IDLE)
        return await consumer(database, "c").deliver(it)

    events = [event("s", n) for n in range(1, 7)]
    async with open_bus() as bus:
        await bus.publish(events)
        async with consuming(bus, "c", slowly):
            await until(handled(database, "c", 6))
            await asyncio.sleep(1)  # another one would come in this time
    assert delivered == [each.id for each in events]
    assert await effects(database, "c") == {"s": [1, 2, 3, 4, 5, 6]}


async def test_a_slow_bus_is_given_all_events_bit_by_bit(
    *, nats_url: str, impatient: None, orders: Database, databases: DatabaseSettings
) -> None:
    publish, published = JetStreamContext.publish, list[str]()

    async def slowly(stream: JetStreamContext, subject: str, *rest: Any, **more: Any) -> Any:
        await asyncio.sleep(2 * IDLE)
        published.append(more["headers"]["Nats-Msg-Id"])
        return await publish(stream, subject, *rest, **more)

    for _ in range(8):
        await happen(orders, "ord_1")
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(JetStreamContext, "publish", slowly))
        bus = await stack.enter_async_context(opening(nats_url)())
        urls = {"order": databases.order_database_url}
        (relay,) = await stack.enter_async_context(open_relays(urls, bus))
        looks = 0
        while await relay.relay():
            looks += 1
    assert await waiting(orders) == 0
    assert looks > 1
    assert len(published) == len(set(published)) == 8


async def test_a_request_inside_a_transaction_is_told(database: Database) -> None:
    async with httpx2.AsyncClient() as http:
        sending = PublicHttp(http)
        async with database.transaction():
            with pytest.raises(SlowInTransaction):
                await sending.post("https://127.0.0.1:1/", b"", {})
        assert (await sending.post("https://127.0.0.1:1/", b"", {})).error


async def test_a_lock_lasts_as_long_as_its_block_and_no_transaction_is_open(
    impatient: None, databases: DatabaseSettings
) -> None:
    one, two = (Database(databases.event_database_url) for _ in range(2))
    async with (
        one.hold_lock(1, 2) as ours,
        two.hold_lock(1, 2) as theirs,
        two.hold_lock(3) as other,
    ):
        assert (ours, theirs, other) == (True, False, True)
        await asyncio.sleep(2 * IDLE)
        async with two.hold_lock(1, 2) as again:
            assert not again
    async with two.hold_lock(1, 2) as theirs:
        assert theirs
    await one.close()
    await two.close()


async def test_who_queues_for_a_lock_has_it_before_its_holder_takes_it_again(
    databases: DatabaseSettings,
) -> None:
    one, two = (Database(databases.event_database_url) for _ in range(2))
    had = asyncio.Event()

    async def queue() -> bool:
        async with two.hold_lock(1, 3, wait=True) as ours:
            had.set()
            return ours

    async with one.hold_lock(1, 3) as ours, two.hold_lock(1, 3) as theirs:
        assert (ours, theirs) == (True, False)
        waiting = asyncio.create_task(queue())
        await until(partial(_waits_for_a_lock, one))
    async with one.hold_lock(1, 3, wait=True):
        assert had.is_set()
    assert await waiting
    await one.close()
    await two.close()


async def test_who_queues_for_a_lock_in_vain_is_told_so(databases: DatabaseSettings) -> None:
    one, two = (Database(databases.event_database_url) for _ in range(2))
    async with one.hold_lock(1, 4), two.hold_lock(1, 4, wait=True) as ours:
        assert not ours
    async with two.hold_lock(1, 4) as ours:
        assert ours
    await one.close()
    await two.close()


async def _waits_for_a_lock(database: Database) -> bool:
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    async with database.statement() as tx:
        return bool((await tx.execute(waiting)).scalar_one())
