"""How far subscriptions are behind, and that nothing is forgotten which one has not passed."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import nats
from sqlalchemy import func, select

from contracts.events.cloudevents import CloudEvent
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.bus_tables import COUNTED, PASSED
from infrastructure.messaging.nats_bus import KEPT, open_nats_bus
from infrastructure.messaging.nats_messages import STREAM, keep_longer
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from infrastructure.postgres.retention import purge
from infrastructure.settings import DatabaseSettings
from services.event.tables import bus
from tests.bus.parts import Opening, consumer, event
from tests.bus.test_bus import consuming, handled
from tests.support.waiting import until

WEEK = 7


def passed(bus: Bus, subscription: str) -> Callable[[], Awaitable[bool]]:
    """Whether it has noted that it has passed all. An event's effect is there a moment before."""

    async def caught_up() -> bool:
        return [lag.waiting for lag in await bus.lags() if lag.subscription == subscription] == [0]

    return caught_up


async def test_a_subscription_that_stopped_is_told_to_be_behind_until_it_is_forgotten(
    open_bus: Opening, database: Database
) -> None:
    async with open_bus() as bus:
        await bus.publish([event(f"s{n}", 1) for n in range(8)])
        async with consuming(bus, "c", consumer(database, "c").deliver):
            await until(handled(database, "c", 8))
            await until(passed(bus, "c"))
        await bus.publish([event(f"s{n}", 2) for n in range(8)])
        (lag,) = await bus.lags()
        assert (lag.subscription, lag.waiting) == ("c", 8)
        assert 0 < lag.seconds < 60
        assert await bus.forget("c")
        assert not await bus.forget("c")
        assert await bus.lags() == []


async def test_of_a_long_log_the_oldest_is_told_and_only_so_many_are_counted(
    databases: DatabaseSettings,
) -> None:
    connection = await asyncpg.connect(databases.event_database_url.replace("+asyncpg", ""))
    await connection.execute(
        "INSERT INTO bus_events (lane, event_id, event, taken_at)"
        " SELECT 1, n::text, '{}', now() - make_interval(secs => 1000 - n % 900)"
        f" FROM generate_series(0, {COUNTED + 500}) n"
    )
    await connection.execute("INSERT INTO bus_positions VALUES ('c', 0, 0, 0, now())")
    await connection.close()
    async with open_postgres_bus(databases.event_database_url, bus) as opened:
        (lag,) = await opened.lags()
    assert (lag.subscription, lag.waiting) == ("c", COUNTED)
    assert 1000 <= lag.seconds < 1060


async def kept(database: Database) -> int:
    async with database.statement() as tx:
        found = await tx.execute(select(func.count()).select_from(bus.events))
        return int(found.scalar_one())


async def age(url: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("UPDATE bus_events SET taken_at = now() - interval '30 days'")
    await connection.close()


async def test_old_events_stay_until_every_subscription_has_passed_them(
    databases: DatabaseSettings, database: Database
) -> None:
    aged = databases.event_database_url
    async with open_postgres_bus(aged, bus) as opened:
        await opened.publish([event(f"s{n}", 1) for n in range(8)])
        for name in ("quick", "slow"):
            async with consuming(opened, name, consumer(database, name).deliver):
                await until(handled(database, name, 8))
                await until(passed(opened, name))
        await opened.publish([event(f"s{n}", 2) for n in range(8)])
        async with consuming(opened, "quick", consumer(database, "quick").deliver):
            await until(handled(database, "quick", 16))
            await until(passed(opened, "quick"))
        await age(aged)
        await purge(database, bus.events.c.taken_at, WEEK, PASSED)
        assert await kept(database) == 8  # those that `slow` has not passed
        async with consuming(opened, "slow", consumer(database, "slow").deliver):
            await until(handled(database, "slow", 16))
        await until(lambda: _purged(database))


async def _purged(database: Database) -> bool:
    await purge(database, bus.events.c.taken_at, WEEK, PASSED)
    return await kept(database) == 0


async def test_a_subscriber_that_is_gone_holds_events_until_it_is_forgotten(
    databases: DatabaseSettings, database: Database
) -> None:
    aged = databases.event_database_url
    async with open_postgres_bus(aged, bus) as opened:
        await opened.publish([event("s", 1)])
        async with consuming(opened, "gone", consumer(database, "gone").deliver):
            await until(handled(database, "gone", 1))
            await until(passed(opened, "gone"))
        await opened.publish([event("s", 2)])
        await age(aged)
        await purge(database, bus.events.c.taken_at, WEEK, PASSED)
        assert await kept(database) == 1
        await opened.forget("gone")
        await purge(database, bus.events.c.taken_at, WEEK, PASSED)
        assert await kept(database) == 0


async def test_a_subscriber_that_ends_within_its_first_event_loses_nothing(
    databases: DatabaseSettings, database: Database
) -> None:
    url = databases.event_database_url
    began = asyncio.Event()

    async def never(_: CloudEvent) -> float | None:
        began.set()
        await asyncio.Event().wait()
        return None

    async with open_postgres_bus(url, bus) as opened:
        await opened.publish([event("s", 1)])
        async with consuming(opened, "new", never):
            async with asyncio.timeout(20):
                await began.wait()
    await age(url)
    await purge(database, bus.events.c.taken_at, WEEK, PASSED)
    assert await kept(database) == 1


async def test_nats_keeps_events_for_longer_while_somebody_is_slow(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    stream = client.jetstream()

    async def longest() -> float:
        return (await stream.stream_info(STREAM)).config.max_age or 0.0

    async with open_nats_bus(nats_url) as opened:
        await keep_longer(stream, KEPT, slow=True)
        assert await longest() == 0
        async with open_nats_bus(nats_url):  # another process starts meanwhile
            assert await longest() == 0
        await opened.keep_for_the_slow()  # nobody is, any more
        assert await longest() == KEPT
    await client.close()
