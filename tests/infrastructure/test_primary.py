"""Of several hosts the primary is found, and one that says nothing holds nobody up for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import Integer, literal_column, make_url, select, text

from infrastructure.postgres import notify, primary
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import Notification, NotificationListener
from infrastructure.settings import DatabaseSettings, with_driver
from saga.participant import Unavailable
from saga.participant.driver_statement import DriverStatement
from services.schema import check_schema
from tests.support.faulty import FaultyWay, faulty_way

READ_ONLY = "ALTER DATABASE {} SET default_transaction_read_only = {}"
MINE = text("SELECT pg_backend_pid()")
WRITE = text("CREATE TEMPORARY TABLE IF NOT EXISTS written (number int)")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for in seconds elsewhere; never short for a server that is well."""
    monkeypatch.setattr(primary, "COMMAND_TIMEOUT", 3.0)
    monkeypatch.setattr(notify, "HEARTBEAT", 0.1)


@pytest.fixture
def url(databases: DatabaseSettings) -> str:
    return databases.user_database_url


@pytest_asyncio.fixture
async def way(url: str) -> AsyncIterator[FaultyWay]:
    """The first host, which is the server by a way that can be made silent."""
    async with faulty_way(make_url(url).port or 0) as opened:
        yield opened


@pytest.fixture
def hosts(url: str, way: FaultyWay) -> str:
    """The URL of two hosts, the first of which is the way."""
    made = make_url(url)
    both = {"host": f"127.0.0.1,{made.host}", "port": f"{way.port},{made.port}"}
    return made.set(host=None, port=None, query=both).render_as_string(hide_password=False)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def write(database: Database) -> int:
    """The server's process that wrote."""
    async with database.transaction() as tx:
        await tx.execute(WRITE)
        return int((await tx.execute(MINE)).scalar_one())


async def test_a_silent_host_is_passed_by_and_not_asked_first_again(
    hosts: str, way: FaultyWay
) -> None:
    way.silence()
    async with opened(hosts) as database:
        await write(database)
        asked = way.accepted
        assert asked == 1
        await asyncio.gather(*(write(database) for _ in range(5)))
        assert way.accepted == asked


async def test_all_connections_to_a_server_that_falls_silent_are_given_up_at_once(
    hosts: str, way: FaultyWay
) -> None:
    async with opened(hosts) as database:
        await asyncio.gather(*(write(database) for _ in range(5)))
        held = way.accepted
        assert held > 1
        way.silence()
        with pytest.raises(Unavailable):
            await write(database)
        await asyncio.gather(*(write(database) for _ in range(5)))  # by the other host
        assert way.accepted <= held + 1  # to cancel the statement; to connect, none asks it again


async def test_so_they_are_by_a_statement_of_the_driver(hosts: str, way: FaultyWay) -> None:
    statement = DriverStatement(select(literal_column("1", Integer).label("number")))
    async with opened(hosts) as database:
        assert await database.single().first(statement, {}) == {"number": 1}
        way.silence()
        with pytest.raises(Unavailable):
            await database.single().first(statement, {})
        assert await database.single().first(statement, {}) == {"number": 1}


async def test_a_listener_goes_on_at_another_host(hosts: str, way: FaultyWay) -> None:
    listener = NotificationListener(hosts, "a_channel")
    async with listener.listening(), opened(hosts) as database:
        with listener.subscribe("key") as subscription:
            assert await subscription.wait(30)
            way.silence()
            assert await subscription.wait(30)  # it listens anew, and something may be missed
            async with database.transaction() as tx:
                notify.announce(tx, *Notification("a_channel", "key"))
            assert await subscription.wait(30)


async def test_a_session_that_has_become_read_only_is_replaced(url: str) -> None:
    async with opened(url) as database:
        before = await write(database)
        async with database.transaction() as tx:
            await tx.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        with pytest.raises(Unavailable, match="read-only"):
            await write_on_record(database)
        assert await write_on_record(database) != before


async def write_on_record(database: Database) -> int:
    async with database.transaction() as tx:
        await tx.execute(text("SELECT pg_current_xact_id()"))
        await tx.execute(text("DELETE FROM users"))
        return int((await tx.execute(MINE)).scalar_one())


async def test_a_database_that_takes_no_writes_is_unavailable_and_not_ready(url: str) -> None:
    name = make_url(url).database
    plain = url.replace("+asyncpg", "")
    async with opened(url) as connected_before:
        await check_schema(connected_before, "user")
        operator = await asyncpg.connect(plain)
        try:
            await operator.execute(READ_ONLY.format(name, "on"))
            async with opened(url) as database:
                with pytest.raises(Unavailable, match="no host takes writes"):
                    await check_schema(database, "user")
            async with connected_before.transaction() as tx:
                await tx.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
            with pytest.raises(Unavailable, match="read-only"):
                await check_schema(connected_before, "user")
        finally:
            await operator.execute("SET default_transaction_read_only = off")
            await operator.execute(READ_ONLY.format(name, "off"))
            await operator.close()


async def test_a_pooler_that_drops_the_timeouts_is_refused_until_the_server_has_them(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(primary, "SERVER_SETTINGS", {"application_name": "dropped"})
    name = make_url(url).database
    operator = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        async with opened(url) as database:
            with pytest.raises(Unavailable, match="lock_timeout, statement_timeout, idle_in"):
                await write(database)
        for setting, seconds in primary.TIMEOUTS.items():
            await operator.execute(f"ALTER DATABASE {name} SET {setting} = '{seconds}s'")
        async with opened(url) as database:
            await write(database)
    finally:
        for setting in primary.TIMEOUTS:
            await operator.execute(f"ALTER DATABASE {name} RESET {setting}")
        await operator.close()


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ("postgresql://r:p@a:1,b:2/db", ["a", "b"], [1, 2]),
        ("postgres://r:p@a,b.example/db?ssl=require", ["a", "b.example"], [5432, 5432]),
        ("postgresql://r:p@[::1]:5433,[fe80::2]/db", ["::1", "fe80::2"], [5433, 5432]),
        ("postgresql://r:p@/db?host=a,b&port=1,2", ["a", "b"], [1, 2]),
        ("postgresql://r:p%2C@one:1/db", "one", 1),
    ],
)
def test_hosts_are_found_in_every_usual_form(given: str, host: object, port: object) -> None:
    made = make_url(with_driver(given))
    _, options = made.get_dialect()().create_connect_args(made)
    assert (options["host"], options["port"], options["database"]) == (host, port, "db")


def test_hosts_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ValueError, match="several hosts"):
        with_driver("postgresql://r:p@a:1,:2/db")
