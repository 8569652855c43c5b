"""Optimistic concurrency of the event store, on real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Conflict
from services.order.tables import events

STORE = EventStore(events)


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url, pool_size=10)
    yield opened
    await opened.close()


async def append(database: Database, expected: int, *types: str) -> int:
    async with database.transaction() as tx:
        new = [NewEvent(kind, {"of": kind}) for kind in types]
        return await STORE.append(tx, "stream", new, expected_version=expected)


async def versions(database: Database) -> list[tuple[int, str]]:
    async with database.transaction() as tx:
        return [(item.version, item.type) for item in await STORE.read(tx, "stream")]


async def test_events_are_read_in_the_order_in_which_they_were_appended(
    database: Database,
) -> None:
    assert await append(database, 0, "A", "B") == 2
    assert await append(database, 2, "C") == 3
    assert await versions(database) == [(1, "A"), (2, "B"), (3, "C")]


@pytest.mark.parametrize("expected", [0, 1, 3, 7])
async def test_a_writer_that_expects_another_version_writes_nothing(
    database: Database, expected: int
) -> None:
    await append(database, 0, "A", "B")
    with pytest.raises(Conflict) as conflict:
        await append(database, expected, "C")
    assert (conflict.value.expected, conflict.value.actual) == (expected, 2)
    assert await versions(database) == [(1, "A"), (2, "B")]


async def test_of_ten_writers_at_one_version_exactly_one_wins(database: Database) -> None:
    for version in range(20):
        answers = await asyncio.gather(
            *(append(database, version, f"W{n}") for n in range(10)), return_exceptions=True
        )
        won = [answer for answer in answers if answer == version + 1]
        lost = [answer for answer in answers if isinstance(answer, Conflict)]
        assert (len(won), len(lost)) == (1, 9)
        assert {item.actual for item in lost} == {version + 1}
    assert len(await versions(database)) == 20


async def test_of_two_writers_at_one_version_exactly_one_wins_in_a_thousand_rounds(
    database: Database,
) -> None:
    for version in range(1000):
        answers = await asyncio.gather(
            append(database, version, "A"), append(database, version, "B"), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "int"]
    written = await versions(database)
    assert [row[0] for row in written] == list(range(1, 1001))
    assert {row[1] for row in written} == {"A", "B"}


async def test_a_stream_is_read_from_a_version(database: Database) -> None:
    await append(database, 0, "A", "B", "C")
    async with database.transaction() as tx:
        assert [item.type for item in await STORE.read(tx, "stream", after=1)] == ["B", "C"]
        assert await STORE.read(tx, "stream", after=3) == []
