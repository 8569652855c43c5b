"""Notifications come after a commit, and only then; losing one breaks nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import text

from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
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
async def notifications(databases: DatabaseSettings) -> AsyncIterator[NotificationListener]:
    made = NotificationListener(databases.order_database_url, CHANNEL)
    with made.subscribe() as subscription:
        async with made.listening():
            assert await subscription.wait(SOON)  # woken when the connection stands
            yield made


async def append(database: Database, stream: str) -> None:
    async with database.transaction() as tx:
        await STORE.append(tx, stream, [NewEvent("Happened", {})], expected_version=0)


async def test_an_append_wakes_those_who_watch_its_stream_or_all(
    database: Database, notifications: NotificationListener
) -> None:
    with (
        notifications.subscribe("a") as mine,
        notifications.subscribe("b") as other,
        notifications.subscribe() as every,
    ):
        await append(database, "a")
        assert await mine.wait(SOON)
        assert await every.wait(SOON)
        assert not await other.wait(0)


async def test_what_is_rolled_back_wakes_nobody(
    database: Database, notifications: NotificationListener
) -> None:
    with notifications.subscribe("undone") as undone, notifications.subscribe("done") as done:
        with contextlib.suppress(ZeroDivisionError):
            async with database.transaction() as tx:
                await STORE.append(tx, "undone", [NewEvent("Undone", {})], expected_version=0)
                raise ZeroDivisionError
        await append(database, "done")
        assert await done.wait(SOON)
        assert not await undone.wait(0)


async def test_a_crowd_is_told_of_every_stream(
    database: Database, notifications: NotificationListener
) -> None:
    names = [f"s{n}" for n in range(50)]
    with notifications.subscribe("s0") as first, notifications.subscribe("s49") as last:
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(append(database, name))
        assert await first.wait(SOON)
        assert await last.wait(SOON)


async def test_a_lost_connection_is_made_again_and_wakes_everybody(
    database: Database, notifications: NotificationListener
) -> None:
    with notifications.subscribe("a") as subscription:
        async with database.transaction() as tx:
            listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
            ended = await tx.execute(text(listeners + f"'LISTEN%{CHANNEL}%'"))
            assert len(ended.all()) == 1
        assert await subscription.wait(SOON)
        await append(database, "a")
        assert await subscription.wait(SOON)
