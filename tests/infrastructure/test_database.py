"""The pool outlives the connections that it is made of, and single statements are transactions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import InvalidatePoolError

from infrastructure.postgres.database import Database
from infrastructure.postgres.primary import PrimaryPool
from infrastructure.settings import DatabaseSettings
from saga.participant import Unavailable
from tests.support.waiting import until

END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
MINE = text("SELECT pg_backend_pid()")
CANCEL = "DO $$ BEGIN RAISE EXCEPTION 'canceled' USING ERRCODE = 'query_canceled'; END $$"


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.user_database_url, pool_size=5)
    yield opened
    await opened.close()


async def sessions(database: Database, count: int) -> set[int]:
    """So many transactions at once; the server's processes that they ran in."""

    async def one() -> int:
        async with database.transaction() as tx:
            pid: int = (await tx.execute(MINE)).scalar_one()
            await tx.execute(text("SELECT pg_sleep(0.05)"))
            return pid

    return set(await asyncio.gather(*(one() for _ in range(count))))


async def test_connections_that_the_database_has_ended_are_replaced_unnoticed(
    database: Database, databases: DatabaseSettings
) -> None:
    before = await sessions(database, 5)
    assert len(before) == 5
    killer = Database(databases.user_database_url)
    async with killer.transaction() as tx:
        await tx.execute(END_OTHERS)

    async def gone() -> bool:
        async with killer.statement() as tx:
            return bool((await tx.execute(OTHERS)).scalar_one() == 0)

    await until(gone)
    await killer.close()
    after = await sessions(database, 5)
    assert len(after) == 5
    assert not after & before


async def test_a_database_that_ends_new_connections_at_once_is_unavailable(
    databases: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that dies while it is connected to: the pool gives up, with an error of its own."""

    def find_closed(*_: Any) -> None:
        raise InvalidatePoolError

    monkeypatch.setattr(PrimaryPool, "_replace_lost", find_closed)
    opened = Database(databases.user_database_url)
    with pytest.raises(Unavailable):
        async with opened.statement() as tx:
            await tx.execute(text("SELECT 1"))
    await opened.close()


async def test_a_single_statement_leaves_no_transaction_open(database: Database) -> None:
    async with database.statement() as tx:
        pid = (await tx.execute(MINE)).scalar_one()
        query = text(f"SELECT state FROM pg_stat_activity WHERE pid = {pid}")
        async with database.transaction() as other:
            assert (await other.execute(query)).scalar_one() == "idle"


async def test_a_connection_that_ran_a_single_statement_serves_transactions_as_before(
    database: Database,
) -> None:
    async with database.statement() as tx:
        await tx.execute(MINE)

    async def die_in_the_middle() -> None:
        async with database.transaction() as tx:
            await tx.execute(text("CREATE TABLE half_done (id int)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await die_in_the_middle()
    async with database.statement() as tx:
        found = (await tx.execute(text("SELECT to_regclass('half_done')"))).scalar_one()
    assert found is None


@contextmanager
def canceled(statement: str) -> Iterator[None]:
    """Let the server cancel statements with this in them, as for a time-out; sessions go on."""

    def instead(_: Any, __: Any, given: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        return (CANCEL if statement in given else given), parameters

    event.listen(Engine, "before_cursor_execute", instead, retval=True)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", instead)


async def test_a_lock_is_free_again_though_giving_it_back_was_canceled(
    database: Database, databases: DatabaseSettings
) -> None:
    with canceled("pg_advisory_unlock"):
        async with database.hold_lock(1, 2) as ours:
            assert ours
    other = Database(databases.user_database_url)

    async def free() -> bool:
        async with other.hold_lock(1, 2) as ours:
            return ours

    await until(free, within=5)
    await other.close()
