"""A server that dies at whatever moment is "unavailable": no way to use a database says otherwise.

Every message of the server is the last one once, from its first greeting on, as a killed server
leaves it; and then the same is tried again over the same pool, with a server that is well.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Integer, literal_column, make_url, select, text

from infrastructure.postgres import notify
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import Notification, NotificationListener, Notifier
from infrastructure.postgres.primary import PrimaryPool
from infrastructure.settings import DatabaseSettings
from saga.participant import Unavailable
from saga.participant.driver_statement import DriverStatement
from tests.support.faulty import accepting
from tests.support.waiting import until

ONE = text("SELECT 1")
ONE_BY_DRIVER = DriverStatement(select(literal_column("1", Integer).label("one")))
MANY = 10_000  # messages; more than any use of a database gets
PARAMETER_STATUS = b"S"  # a greeting has many, and nobody waits for one
SESSION = 12  # … more than a new session with one statement gets
SOON = 5.0

Use = Callable[[Database], Awaitable[None]]


class LastWord:
    """A way to a server whose `left`-th message is the last that gets through."""

    def __init__(self, target: int, farewell: bytes) -> None:
        self._target = target
        self._farewell = farewell
        self.url = ""
        self.left = MANY
        self._died = False

    async def has_died(self) -> bool:
        """Whether it has said its last to somebody."""
        return self._died

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        asking = asyncio.create_task(self._ask(reader, back))
        try:
            writer.write(await there.readexactly(1))  # whether it has TLS: no message as others
            while self.left > 0:
                kind = await there.readexactly(1)
                size = await there.readexactly(4)
                body = await there.readexactly(int.from_bytes(size, "big") - 4)
                writer.write(kind + size + body)
                await writer.drain()
                self.left -= kind != PARAMETER_STATUS
            writer.write(self._farewell)
            self._died = True
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed its own end
        finally:
            writer.close()
            back.close()
            asking.cancel()

    async def _ask(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                back.write(data)
                await back.drain()
        except ConnectionError:
            pass  # the client has cut its connection
        finally:
            back.close()


@asynccontextmanager
async def dying_server(url: str, farewell: bytes) -> AsyncIterator[LastWord]:
    """A way to the server of this URL, with its last words."""
    made = make_url(url)
    way = LastWord(made.port or 0, farewell)
    async with accepting(way.accept) as port:
        way.url = made.set(port=port).render_as_string(hide_password=False)
        yield way


@asynccontextmanager
async def closing(database: Database) -> AsyncIterator[Database]:
    try:
        yield database
    finally:
        await database.close()


def good_bye(sqlstate: str) -> bytes:
    """What a server says before it ends a session."""
    fields = f"SFATAL\0VFATAL\0C{sqlstate}\0Mit ends\0\0".encode()
    return b"E" + (4 + len(fields)).to_bytes(4, "big") + fields


async def by_transaction(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(ONE)
        await tx.execute(ONE)


async def by_statement(database: Database) -> None:
    async with database.statement() as tx:
        await tx.execute(ONE)


async def by_driver(database: Database) -> None:
    assert await database.single().first(ONE_BY_DRIVER, {}) == {"one": 1}


async def by_lock(database: Database) -> None:
    async with database.hold_lock(7, wait=True) as ours:
        assert ours


async def succeeds(use: Use, database: Database) -> bool:
    """Whether it does; all that it may say instead is "unavailable"."""
    try:
        await use(database)
    except Unavailable:
        return False
    return True


last_words = pytest.mark.parametrize(
    "last", [b"", good_bye("57P01")], ids=["none", "it is shut down"]
)


@last_words
@pytest.mark.parametrize(
    ("use", "warm"),
    [(use, True) for use in (by_transaction, by_statement, by_driver, by_lock)]
    + [(use, False) for use in (by_transaction, by_driver)],  # while a pool connects first
)
async def test_a_use_of_the_database_says_unavailable(
    databases: DatabaseSettings, use: Use, last: bytes, warm: bool
) -> None:
    succeeded = []
    for count in itertools.count():
        async with (
            dying_server(databases.user_database_url, last) as server,
            closing(Database(server.url, pool_size=1)) as database,
        ):
            if warm:
                await use(database)
            server.left = count
            succeeded.append(await succeeds(use, database))
            if server.left > 0:  # it has outlived the use
                break
            server.left = MANY
            await until(lambda: succeeds(use, database))
    assert succeeded[-1]
    assert succeeded.count(False) >= 2  # at this many moments


@last_words
async def test_a_notifier_has_no_error_to_tell(databases: DatabaseSettings, last: bytes) -> None:
    for count in range(SESSION):
        async with dying_server(databases.user_database_url, last) as server:
            notifier = Notifier(PrimaryPool(server.url))
            server.left = count
            notifier.notify({Notification("a_channel", "key")})
            await notifier.close()  # tells an error that was not expected


@last_words
async def test_a_listener_listens_again(
    databases: DatabaseSettings, last: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "HEARTBEAT", 0.02)
    monkeypatch.setattr(notify, "RECONNECT", 0.02)
    for count in range(SESSION):
        async with dying_server(databases.user_database_url, last) as server:
            listener = NotificationListener(server.url, "a_channel")
            with listener.subscribe() as subscription:
                async with listener.listening():
                    assert await subscription.wait(SOON)
                    server.left = count
                    await until(server.has_died)
                    server.left = MANY
                    assert await subscription.wait(SOON)
