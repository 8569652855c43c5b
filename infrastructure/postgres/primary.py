"""Connects to the primary of a database with one host or several, and gives up a silent one.

A server that is dead says so, by its kernel. One that is frozen, or cut off, says nothing. So each
host has a bound of its own for being connected to; and each statement has one on our side, longer
than those that the server keeps. A session that exceeds it is cut off, not asked to end.
"""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util.concurrency import greenlet_spawn

from infrastructure.postgres.database_errors import (
    DRIVER_ERRORS,
    READ_ONLY,
    find_driver_error,
    read_sqlstate,
)
from saga.participant import Unavailable

log = logging.getLogger(__name__)

# In seconds. Each is shorter than the activities' start-to-close time-out, so that the
# database gives up before Temporal starts another attempt. The last one frees the locks of a
# stopped process.
TIMEOUTS = {
    "lock_timeout": 3,
    "statement_timeout": 4,
    "idle_in_transaction_session_timeout": 8,
}
SERVER_SETTINGS = {"application_name": "order-saga"}
SERVER_SETTINGS |= {name: f"{most}s" for name, most in TIMEOUTS.items()}
CONNECT_TIMEOUT = 3.0  # seconds, for each host
COMMAND_TIMEOUT = 6.0  # seconds; a server that can speak has given up by then

AWAY = ("08", "53", "57")  # it is not there, or full, or starting: SQLSTATE classes
BORN = "born"  # in a pool's record: when its connection was made, of time.monotonic
READ_TIMEOUTS = "SELECT name, setting::bigint FROM pg_settings WHERE name = ANY($1)"

Host = tuple[str | None, int | None]  # and its port


class PrimaryUnreachable(ConnectionError):
    """No host of the database answers as one that takes writes: try again later."""


class PrimaryConnector:
    """Connects to whichever host takes writes; the one that did last time is asked first.

    `bounded`: sessions have our time-outs, for which see TIMEOUTS and COMMAND_TIMEOUT.
    """

    def __init__(self, *, bounded: bool = True) -> None:
        self._bounded = bounded
        self._last: Host | None = None
        self._given_up: Host | None = None

    def give_up_last(self) -> None:
        """Ask the host that was connected to last after all others from now on."""
        self._last, self._given_up = None, self._last or self._given_up

    async def connect(self, *, host: Any = None, port: Any = None, **options: Any) -> Any:
        """A connection of the driver; the arguments are as SQLAlchemy has them of a URL.

        PrimaryUnreachable if there is none to be had now. Unavailable if something on the way, as a
        pooler, keeps our time-outs from the server: what relies on them would not be safe.
        """
        options |= {"target_session_attrs": "read-write", "timeout": CONNECT_TIMEOUT}
        if self._bounded:
            options |= {"server_settings": SERVER_SETTINGS, "command_timeout": COMMAND_TIMEOUT}
        errors = []
        for place in sorted(_list_hosts(host, port), key=self._rank):
            try:
                connection = await asyncpg.connect(host=place[0], port=place[1], **options)
            except (OSError, asyncpg.InternalClientError, asyncpg.PostgresError) as error:
                if not _is_away(error):
                    raise
                errors.append(f"{place[0]}:{place[1]}: {error or type(error).__name__}")
                continue
            self._last = place
            if self._bounded:
                await _check_timeouts(connection)
            return connection
        raise PrimaryUnreachable("no host takes writes: " + "; ".join(errors))

    def _rank(self, host: Host) -> int:
        return [host == self._last, host not in {self._last, self._given_up}, True].index(True)


def _list_hosts(host: Any, port: Any) -> list[Host]:
    hosts = host if isinstance(host, list | tuple) else [host]
    ports = port if isinstance(port, list | tuple) else [port] * len(hosts)
    return list(zip(hosts, ports, strict=True))


def _is_away(error: Exception) -> bool:
    """Whether another host may do, or this one later."""
    return not isinstance(error, asyncpg.PostgresError) or str(error.sqlstate).startswith(AWAY)


async def _check_timeouts(connection: Any) -> None:
    try:
        found = dict(await connection.fetch(READ_TIMEOUTS, [*TIMEOUTS]))
    except BaseException:  # or called off: nobody else knows of it yet
        connection.terminate()
        raise
    missing = [name for name, most in TIMEOUTS.items() if not 0 < found.get(name, 0) <= 1000 * most]
    if missing:
        connection.terminate()
        detail = f"the database does not keep to {', '.join(missing)} as we ask it to"
        raise Unavailable(f"{detail}: does a pooler ignore them? See docs/databases.md")


async def connect_to_primary(url: str) -> Any:
    """One connection, by a URL as SQLAlchemy has it; fails as `PrimaryConnector.connect` does."""
    made = make_url(url)
    _, options = made.get_dialect()().create_connect_args(made)
    return await PrimaryConnector().connect(**options)


class PrimaryPool:
    """An engine whose pool gives up what is connected to a server that is silent, or read-only.

    A connection that the database has closed is replaced before it is used. Its end is in our hands
    then, so no question need be sent, which would cost three round trips a transaction.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._connector = PrimaryConnector()
        self._given_up = 0.0  # whatever was connected before (time.monotonic)
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_timeout=CONNECT_TIMEOUT,
            connect_args={"async_creator_fn": self._connector.connect},
            hide_parameters=True,  # an error would quote them: customers' data
            **options,
        )
        event.listen(self.engine.sync_engine, "connect", self._note_birth)
        event.listen(self.engine.sync_engine, "checkout", self._replace_lost)
        event.listen(self.engine.sync_engine, "close", self._cut_off)
        event.listen(self.engine.sync_engine, "handle_error", self._handle_error)

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[Any]:
        """A connection as asyncpg's own, for the block: each statement is a transaction by itself.

        SQLAlchemy's begins, adapts and rolls back what needs none of it.
        """
        pooled: PoolProxiedConnection = await self.engine.raw_connection()
        driver: Any = pooled.driver_connection
        try:
            yield driver
        except (*DRIVER_ERRORS, TimeoutError) as error:
            self._give_up_if_lost(error)
            if isinstance(error, asyncpg.InternalClientError):
                driver.terminate()  # nothing can be asked of it any more
            raise
        finally:
            await greenlet_spawn(pooled.close)

    def _handle_error(self, context: ExceptionContext) -> None:
        error = find_driver_error(context.original_exception)
        if self._give_up_if_lost(error) or isinstance(error, asyncpg.InternalClientError):
            context.is_disconnect = True

    def _give_up_if_lost(self, error: BaseException) -> bool:
        """Replace all connections if the error says that their server is silent, or no primary."""
        lost = isinstance(error, TimeoutError) or read_sqlstate(error) == READ_ONLY
        if lost:
            self._given_up = time.monotonic()
            self._connector.give_up_last()
            log.warning("the connections to %s are given up: %r", self.engine.url.database, error)
        return lost

    def _note_birth(self, _: Any, record: Any) -> None:
        record.info[BORN] = time.monotonic()

    def _is_given_up(self, record: Any) -> bool:
        return bool(record.info.get(BORN, 0.0) <= self._given_up)

    def _replace_lost(self, connection: Any, record: Any, _: Any) -> None:
        """Have the pool connect anew if this connection is lost; older ones, too."""
        if connection.driver_connection.is_closed() or self._is_given_up(record):
            raise InvalidatePoolError

    def _cut_off(self, connection: Any, record: Any) -> None:
        """Not ask a silent server for a good-bye, which the pool would wait for."""
        if self._is_given_up(record):
            connection.driver_connection.terminate()
