"""One reader for all who follow: nothing is missed or told twice, and who waits costs nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from api.orders import live_events as following
from api.orders.live_events import EventBroadcaster
from api.orders.subscriber_queue import MOST_KEPT
from contracts.event_records import BEGINNING, RecordedEvent
from contracts.names import ORDER_EVENTS
from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.postgres import notify
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
from infrastructure.settings import DatabaseSettings
from saga.participant import Conflict, Unavailable
from services.order.service import Orders
from services.order.tables import events
from tests.support.databases import STATEMENTS, Server, counting_server
from tests.support.waiting import until

STORE = EventStore(events, channel=ORDER_EVENTS)
SILENT = EventStore(events)
BOUND = 20


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url)
    yield opened
    await opened.close()


@asynccontextmanager
async def running(
    databases: DatabaseSettings, database: Database
) -> AsyncIterator[EventBroadcaster]:
    made = EventBroadcaster(
        Orders(database), NotificationListener(databases.order_database_url, ORDER_EVENTS)
    )
    async with made.running():
        yield made


async def append(
    database: Database, order_id: str, before: int, count: int = 1, *, store: EventStore = STORE
) -> None:
    """Events number before+1 and so on of an order."""
    new = [NewEvent("ItemAdded", {"n": before + 1 + n}) for n in range(count)]
    async with database.transaction() as tx:
        await store.append(tx, order_id, new, expected_version=before)


async def insist(database: Database, order_id: str, before: int) -> None:
    """Append one event, however often that must be tried."""
    async with asyncio.timeout(BOUND):
        while True:
            try:
                await append(database, order_id, before)
            except Unavailable:
                continue
            except Conflict as conflict:
                if conflict.actual != before + 1:  # else the attempt before this one had landed
                    raise
            return


class Listener:
    """Takes what one follower is told, in a task of its own."""

    def __init__(self, source: AsyncIterator[Sequence[RecordedEvent]]) -> None:
        self.versions: list[int] = []
        self._task = asyncio.create_task(self._listen(source))

    async def _listen(self, source: AsyncIterator[Sequence[RecordedEvent]]) -> None:
        async for told in source:
            self.versions += [line.version for line in told]

    async def has(self, versions: Sequence[int], *, within: float = BOUND) -> None:
        """Wait until it was told these, in this order, each once, and nothing else."""

        async def told() -> bool:
            return len(self.versions) >= len(versions)

        await until(told, within=within)
        assert self.versions == list(versions)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_one_who_cannot_keep_up_is_told_everything_all_the_same(
    databases: DatabaseSettings, database: Database
) -> None:
    count = 2 * MOST_KEPT + 7
    async with running(databases, database) as broadcaster:
        slow = broadcaster.subscribe_to_all(BEGINNING)
        await append(database, "ord_slow", 0)
        told = [*await anext(slow)]
        for version in range(1, count, 100):  # more than it is kept for, while it takes nothing
            await append(database, "ord_slow", version, min(100, count - version))
        quick = Listener(broadcaster.subscribe_to_all(BEGINNING))
        await quick.has(range(1, count + 1))
        while len(told) < count:
            async with asyncio.timeout(BOUND):
                told += await anext(slow)
        assert [line.version for line in told] == list(range(1, count + 1))
        await quick.close()
        await slow.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_a_follower_that_comes_while_events_do_misses_none(
    databases: DatabaseSettings, database: Database
) -> None:
    async with running(databases, database) as broadcaster:
        listeners = []
        for version in range(60):
            appending = asyncio.create_task(append(database, "ord_busy", version))
            listeners.append(
                (version // 2, Listener(broadcaster.subscribe_to_order("ord_busy", version // 2)))
            )
            await appending
        for after, listener in listeners:
            await listener.has(range(after + 1, 61))
            await listener.close()


async def test_events_reach_only_those_who_follow_their_order(
    databases: DatabaseSettings, database: Database
) -> None:
    async with running(databases, database) as broadcaster:
        mine, other = (
            Listener(broadcaster.subscribe_to_order(name, 0)) for name in ("ord_a", "ord_b")
        )
        await append(database, "ord_a", 0, 3)
        await append(database, "ord_b", 0, 1)
        await mine.has([1, 2, 3])
        await other.has([1])
        await mine.close()
        await other.close()


async def test_an_event_that_a_newer_release_wrote_holds_up_no_other(
    databases: DatabaseSettings, database: Database
) -> None:
    async with running(databases, database) as broadcaster:
        listener = Listener(broadcaster.subscribe_to_all(BEGINNING))
        await append(database, "ord_1", 0, 3)
        await listener.has([1, 2, 3])
        async with database.transaction() as tx:
            table = events.c
            newer = {"schema_version": 99, "data": ["of", "another", "form"]}
            await tx.execute(events.update().where(table.version == 2).values(newer))
        late = Listener(broadcaster.subscribe_to_all(BEGINNING))
        await late.has([1, 2, 3])
        await append(database, "ord_1", 3)
        await listener.has([1, 2, 3, 4])
        await late.close()
        await listener.close()


async def test_an_event_whose_notice_is_lost_is_told_a_moment_later(
    databases: DatabaseSettings, database: Database
) -> None:
    async with running(databases, database) as broadcaster:
        listener = Listener(broadcaster.subscribe_to_order("ord_lost", 0))
        await append(database, "ord_lost", 0)
        await listener.has([1])
        await append(database, "ord_lost", 1, store=SILENT)
        await listener.has([1, 2], within=5 * following.LOOK_EVERY)
        await listener.close()


async def test_it_goes_on_when_its_connections_were_cut(
    server: Server, databases: DatabaseSettings, database: Database
) -> None:
    name = databases.order_database_url.rsplit("/", 1)[1]
    async with running(databases, database) as broadcaster:
        listener = Listener(broadcaster.subscribe_to_all(BEGINNING))
        for version in range(5):
            await insist(database, "ord_cut", version)
            await listener.has(range(1, version + 2))
            await server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            )
        await listener.close()


@pytest_asyncio.fixture
async def counting(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that counts statements."""
    async with counting_server(tmp_path) as server:
        yield server


async def test_a_thousand_who_wait_cost_the_database_no_more_than_one(
    counting: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One for a process, whoever follows: it would be counted now and then.
    monkeypatch.setattr(notify, "HEARTBEAT", 60.0)
    databases = await counting.databases()
    database = Database(databases.order_database_url)
    name = databases.order_database_url.rsplit("/", 1)[1]
    connection = await asyncpg.connect(counting.url("postgres"))

    async def statements(seconds: float) -> int:
        """How many the order database ran meanwhile."""
        await connection.execute("SELECT pg_stat_statements_reset()")
        await asyncio.sleep(seconds)
        return int(await connection.fetchval(STATEMENTS, name))

    async def listening() -> bool:
        """Whether one session listens."""
        sessions = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'",
            name,
        )
        return bool(sessions == 1)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        stack.push_async_callback(database.close)
        broadcaster = await stack.enter_async_context(running(databases, database))
        await until(listening)
        assert await statements(3) == 0  # nobody follows
        crowd = [Listener(broadcaster.subscribe_to_all(BEGINNING))]
        await append(database, "ord_0", 0)
        await crowd[0].has([1])
        await asyncio.sleep(3)  # until it looks every second only
        alone = await statements(6)
        crowd += [Listener(broadcaster.subscribe_to_order(f"ord_{n}", 0)) for n in range(499)]
        crowd += [Listener(broadcaster.subscribe_to_all(BEGINNING)) for _ in range(500)]
        await asyncio.gather(*(client.has([1]) for client in [crowd[0], crowd[1], *crowd[500:]]))
        await asyncio.sleep(3)
        together = await statements(6)
        print(f"statements in 6 s: {alone} for one, {together} for a thousand")
        assert 0 < alone < 60
        assert together <= alone * 1.5
        assert await listening()
        await append(database, "ord_7", 0)
        await crowd[8].has([1])  # they were there all the time
        await asyncio.gather(*(client.close() for client in crowd))
