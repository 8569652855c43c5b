"""The order database is dumped, and loaded where transaction ids are lower: live events go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from api.orders.live_events import EventBroadcaster, is_on_record
from contracts.event_records import BEGINNING, Position
from contracts.names import ORDER_EVENTS
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
from infrastructure.settings import DatabaseSettings
from services.order.service import Orders
from tests.api.test_followers import Listener, append
from tests.restored.conftest import Restore, burn


@asynccontextmanager
async def following(url: str) -> AsyncIterator[tuple[Database, Orders, EventBroadcaster]]:
    database = Database(url)
    orders = Orders(database)
    broadcaster = EventBroadcaster(orders, NotificationListener(url, ORDER_EVENTS))
    try:
        async with broadcaster.running():
            yield database, orders, broadcaster
    finally:
        await database.close()


async def test_who_comes_back_after_a_restore_gets_what_was_not_seen_and_what_is_new(
    databases: DatabaseSettings, restore: Restore
) -> None:
    first = databases.order_database_url
    await burn(first)
    async with following(first) as (database, orders, _):
        await append(database, "ord_1", 0, 3)
        seen = (await orders.all_events(BEGINNING, 2))[-1].position
    async with following(await restore(first)) as (database, orders, broadcaster):
        listener = Listener(broadcaster.subscribe_to_all(seen))
        await listener.has([3])
        await append(database, "ord_1", 3, 2)
        await listener.has([3, 4, 5])
        assert await is_on_record(orders, seen)
        everything = await orders.all_events(BEGINNING, 100)
        assert [item.version for item in everything] == [1, 2, 3, 4, 5]
        await listener.close()


async def test_who_saw_more_than_the_restored_record_knows_is_told_and_misses_nothing(
    databases: DatabaseSettings, restore: Restore
) -> None:
    first = databases.order_database_url
    await burn(first)
    async with following(first) as (database, orders, broadcaster):
        await append(database, "ord_1", 0, 2)
        second = await restore(first)
        await append(database, "ord_1", 2, 2)  # after the dump: lost
        ahead = await orders.newest_event()
    async with following(second) as (database, orders, broadcaster):
        await append(database, "ord_1", 2)
        assert not await is_on_record(orders, ahead)
        resumed = ahead.resume_after_restore(await orders.newest_event())
        assert await is_on_record(orders, resumed)
        listener = Listener(broadcaster.subscribe_to_all(resumed))
        await append(database, "ord_1", 3)
        await listener.has([3, 4])
        await listener.close()


async def test_live_streams_end_when_what_they_told_is_not_on_record_any_more(
    databases: DatabaseSettings,
) -> None:
    url = databases.order_database_url
    async with following(url) as (database, orders, broadcaster):
        await append(database, "ord_1", 0, 2)
        stream = broadcaster.subscribe_to_all(BEGINNING)
        told = [item async for item in _first(stream)]
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        await connection.execute("DELETE FROM events")  # what a restore does to it
        await connection.close()
        assert [item async for item in stream] == []  # it ends
        assert told == [1, 2]
        assert await orders.newest_event() == BEGINNING


async def _first(stream: AsyncIterator[object]) -> AsyncIterator[int]:
    for event in await anext(stream):  # type: ignore[attr-defined]
        yield event.version


def test_a_reader_of_an_unknown_epoch_goes_on_where_nothing_is_missed() -> None:
    epoch = 2**44
    assert Position(900, 7).resume_after_restore(Position(5 * epoch + 3, 1)) == Position(900, 0)
    assert Position(5 * epoch + 9, 7).resume_after_restore(Position(5 * epoch + 3, 1)) == Position(
        5 * epoch, 0
    )
    assert Position(9 * epoch, 7).resume_after_restore(Position(5 * epoch + 3, 1)) == Position(
        5 * epoch, 0
    )
    assert Position(900, 7).resume_after_restore(Position(500, 1)) == BEGINNING
