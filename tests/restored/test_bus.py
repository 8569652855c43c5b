"""The event database is dumped, and loaded on a server whose transaction ids are lower."""

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import select

from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from services.event.tables import bus, epochs
from tests.bus.parts import EFFECTS, consumer, effects, event
from tests.bus.test_bus import consuming, handled
from tests.restored.conftest import Restore, burn
from tests.support.waiting import until


async def consume(url: str, name: str, *, until_there_are: int, publish: tuple[int, ...]) -> None:
    """Publish these numbers of a subject, and consume until there are so many effects."""
    database = Database(url)
    async with database.transaction() as tx:
        await tx.run_sync(EFFECTS.metadata.create_all)  # in a copy it is there
    try:
        async with open_postgres_bus(url, bus) as opened:
            await opened.publish([event("s", number) for number in publish])
            async with consuming(opened, name, consumer(database, name).deliver):
                await until(handled(database, name, until_there_are))
    finally:
        await database.close()


async def numbers(url: str, name: str) -> list[int]:
    database = Database(url)
    try:
        return (await effects(database, name))["s"]
    finally:
        await database.close()


@pytest_asyncio.fixture
async def first(databases: DatabaseSettings) -> AsyncIterator[str]:
    """The URL of the event database that is dumped."""
    url = databases.event_database_url
    await burn(url)
    yield url
    database = Database(url)
    async with database.transaction() as tx:
        await tx.run_sync(EFFECTS.metadata.drop_all)
    await database.close()


async def test_the_bus_goes_on_behind_what_was_consumed_before_the_dump(
    first: str, restore: Restore
) -> None:
    await consume(first, "c", until_there_are=3, publish=(1, 2, 3))
    async with open_postgres_bus(first, bus) as opened:
        await opened.publish([event("s", 4)])  # nobody has consumed it when the dump is made
    second = await restore(first)
    await consume(second, "c", until_there_are=6, publish=(5, 6))
    assert await numbers(second, "c") == [1, 2, 3, 4, 5, 6]
    await consume(second, "late", until_there_are=7, publish=(7,))
    assert await numbers(second, "late") == [1, 2, 3, 4, 5, 6, 7]


async def test_a_dump_of_the_restored_one_goes_on_too(first: str, restore: Restore) -> None:
    url = first
    for number in (1, 2, 3):
        await consume(url, "c", until_there_are=number, publish=(number,))
        url = await restore(url)
    assert await numbers(url, "c") == [1, 2, 3]
    database = Database(url)
    async with database.transaction() as tx:
        begun = (await tx.execute(select(epochs.c.number).order_by(epochs.c.number))).scalars()
        assert len(begun.all()) == 3  # the third copy has written nothing yet
    await database.close()
