"""One database of one service: an engine, and transactions whose failures are translated."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from infrastructure.postgres.database_errors import (
    DRIVER_ERRORS,
    LOCK_NOT_AVAILABLE,
    read_sqlstate,
    translate_errors,
)
from infrastructure.postgres.notify import NOTIFICATIONS, Notification, Notifier
from infrastructure.postgres.primary import PrimaryPool
from infrastructure.postgres.slow_transactions import open_transaction
from infrastructure.telemetry.sql import span_of
from saga.participant.clean_action import Refused
from saga.participant.driver_statement import DriverStatement

LOCK_HELD = 30.0  # seconds; longer than a healthy holder is between two statements
_IDLE = "set_config('idle_session_timeout', '{}', false)"
POOL_SIZE = 10  # and as many again when these are in use


class Database:
    """A lazily connected pool; making one opens nothing."""

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE) -> None:
        self._pool = PrimaryPool(url, pool_size=pool_size, max_overflow=pool_size)
        self._engine = self._pool.engine
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        few = PrimaryPool(url, pool_size=1, max_overflow=0)
        self._notifier = Notifier(few)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: commits on a clean exit, else rolls back. Then it notifies.

        Raises Unavailable where the database is away, overloaded, or lost the connection. A lost
        COMMIT is among these: its outcome is unknown, and the barrier answers the retry.
        """
        notifications: set[Notification] = set()
        with open_transaction():
            async with translate_errors(), self._engine.begin() as connection:
                connection.info[NOTIFICATIONS] = notifications
                yield connection
        self._notifier.notify(notifications)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """For one statement, which is a transaction by itself: one round trip instead of three.

        Raises Unavailable as `transaction` does. Two statements here would be two transactions.
        """
        async with translate_errors(), self._autocommit.connect() as connection:
            yield connection

    def single(self) -> "Single":
        """For one statement that was put together before, by the driver: `statement`, cheaper."""
        return Single(self._pool, self._notifier)

    @asynccontextmanager
    async def hold_lock(self, *key: int, wait: bool = False) -> AsyncIterator[bool]:
        """Whether an advisory lock is ours, for the length of the block.

        With `wait`, we queue for it for as long as any lock is waited for (`lock_timeout`), and it
        is ours before its holder can take it again; else we only try.

        A session of its own has it, outside of transactions, so the block may take its time. The
        lock is free again when this process dies, and when it has been stopped for a while or the
        block takes longer than LOCK_HELD: then somebody else may have it too.
        """
        numbers = ", ".join(str(part) for part in key)
        lock = f"pg_try_advisory_lock({numbers})"
        if wait:
            lock = f"pg_advisory_lock({numbers}) IS NOT NULL"
        take = f"SELECT {lock} AND {_IDLE.format(f'{LOCK_HELD:g}s')} IS NOT NULL"
        leave = f"SELECT pg_advisory_unlock({numbers}), {_IDLE.format('0')}"
        async with translate_errors(), self._autocommit.connect() as session:
            ours = await _execute_or_end(session, take)
            try:
                yield ours
            finally:
                if ours:
                    with suppress(DBAPIError):  # the session has ended, and the lock with it
                        await _execute_or_end(session, leave)

    async def close(self) -> None:
        """Close all connections."""
        await self._notifier.close()
        await self._engine.dispose()


class Single:
    """One statement, which is a transaction by itself. Then it notifies, if there was a row.

    `info` is as a connection's: what is announced in it is announced with the statement.
    """

    def __init__(self, pool: PrimaryPool, notifier: Notifier) -> None:
        self._pool = pool
        self._notifier = notifier
        self.info: dict[Any, Any] = {}

    async def first(
        self, statement: DriverStatement, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """The first of `rows`; None if there is none."""
        return next(iter(await self.rows(statement, parameters)), None)

    async def rows(
        self, statement: DriverStatement, parameters: Mapping[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        """Its rows. Refused for an error that another try would get too.

        Raises Unavailable as a transaction does: whether it was committed is unknown then.
        """
        arguments = statement.arguments(parameters)
        try:
            async with translate_errors(), self._pool.driver() as driver:
                with span_of(statement.text, self._pool.engine.url.database):
                    found = await driver.fetch(statement.text, *arguments)
        except DRIVER_ERRORS as error:
            raise Refused(type(error).__name__) from error
        if found:
            self._notifier.notify(self.info.get(NOTIFICATIONS, set()))
        return [statement.row(row) for row in found]


async def _execute_or_end(session: AsyncConnection, statement: str) -> bool:
    """Its answer; no for a lock that we waited for in vain.

    A session in which it failed otherwise is ended, lest the pool keep a lock with it.
    """
    try:
        return bool((await session.execute(text(statement))).scalar_one())
    except DBAPIError as error:
        if read_sqlstate(error) == LOCK_NOT_AVAILABLE:
            return False
        await session.invalidate()
        raise
