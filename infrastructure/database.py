"""One database of one service: an engine, and transactions whose failures are translated."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from contracts.errors import Unavailable
from infrastructure.notices import NOTICES, Bell, Notice

# Each is shorter than the activities' start-to-close time-out, so that the database gives up
# before Temporal starts another attempt. The last one frees the locks of a stopped process.
SERVER_SETTINGS = {
    "application_name": "order-saga",
    "lock_timeout": "3s",
    "statement_timeout": "4s",
    "idle_in_transaction_session_timeout": "8s",
}
CONNECT_TIMEOUT = 3.0
CONNECT_ARGS = {"server_settings": SERVER_SETTINGS, "timeout": CONNECT_TIMEOUT}
POOL_SIZE = 10  # and as many again when these are in use

# Transient by their SQLSTATE class: connection, transaction rollback, resources, operator
# intervention; and lock_not_available.
TRANSIENT_SQLSTATES = ("08", "40", "53", "57", "55P03", "25P03")


class Database:
    """A lazily connected pool; making one opens nothing.

    `pre_ping`: make sure of a connection before each use, which costs three round trips; without
    it, the first use after the database was restarted is Unavailable.
    """

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE, pre_ping: bool = True) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=pre_ping,
            pool_timeout=CONNECT_TIMEOUT,
            connect_args=CONNECT_ARGS,
        )
        self._bell = Bell(
            create_async_engine(
                url,
                pool_size=1,
                max_overflow=0,
                pool_timeout=CONNECT_TIMEOUT,
                connect_args=CONNECT_ARGS,
                isolation_level="AUTOCOMMIT",
            )
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: commits on a clean exit, else rolls back. Then it sends its notices.

        Raises Unavailable where the database is away, overloaded, or lost the connection. A lost
        COMMIT is among these: its outcome is unknown, and the barrier answers the retry.
        """
        notices: set[Notice] = set()
        try:
            async with self._engine.begin() as connection:
                connection.info[NOTICES] = notices
                yield connection
        except (DBAPIError, PoolTimeoutError, OSError, TimeoutError) as error:
            if is_transient(error):
                raise Unavailable(f"database: {error.__class__.__name__}: {error}") from error
            raise
        self._bell.ring(notices)

    async def close(self) -> None:
        """Close all connections."""
        await self._bell.close()
        await self._engine.dispose()


def is_transient(error: Exception) -> bool:
    """Whether trying again later may help."""
    if isinstance(error, (OSError, TimeoutError, PoolTimeoutError, OperationalError)):
        return True
    if isinstance(error, InterfaceError):
        return True  # the driver's word for "connection is closed"
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
        return sqlstate.startswith(TRANSIENT_SQLSTATES)
    return False
