"""Notices come after a commit, and only then; losing one breaks nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import text

from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import Notices
from infrastructure.settings import DatabaseSettings
from services.order.tables import events

CHANNEL = "test_channel"
STORE = EventStore(events, channel=CHANNEL)
SOON = 5.0


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def notices(databases: DatabaseSettings) -> AsyncIterator[Notices]:
    made = Notices(databases.order_database_url, CHANNEL)
    with made.watch() as watch:
        async with made.listening():
            assert await watch.wait(SOON)  # rung when the connection stands
            yield made


async def append(database: Database, stream: str) -> None:
    async with database.transaction() as tx:
        await STORE.append(tx, stream, [NewEvent("Happened", {})], expected_version=0)


async def test_an_append_wakes_those_who_watch_its_stream_or_all(
    database: Database, notices: Notices
) -> None:
    with notices.watch("a") as mine, notices.watch("b") as other, notices.watch() as every:
        await append(database, "a")
        assert await mine.wait(SOON)
        assert await every.wait(SOON)
        assert not await other.wait(0)


async def test_what_is_rolled_back_wakes_nobody(database: Database, notices: Notices) -> None:
    with notices.watch("undone") as undone, notices.watch("done") as done:
        with contextlib.suppress(ZeroDivisionError):
            async with database.transaction() as tx:
                await STORE.append(tx, "undone", [NewEvent("Undone", {})], expected_version=0)
                raise ZeroDivisionError
        await append(database, "done")
        assert await done.wait(SOON)
        assert not await undone.wait(0)


async def test_a_crowd_is_told_of_every_stream(database: Database, notices: Notices) -> None:
    names = [f"s{n}" for n in range(50)]
    with notices.watch("s0") as first, notices.watch("s49") as last:
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(append(database, name))
        assert await first.wait(SOON)
        assert await last.wait(SOON)


async def test_a_lost_connection_is_made_again_and_wakes_everybody(
    database: Database, notices: Notices
) -> None:
    with notices.watch("a") as watch:
        async with database.transaction() as tx:
            listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
            ended = await tx.execute(text(listeners + f"'LISTEN%{CHANNEL}%'"))
            assert len(ended.all()) == 1
        assert await watch.wait(SOON)
        await append(database, "a")
        assert await watch.wait(SOON)
