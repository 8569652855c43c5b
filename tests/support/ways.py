"""A database that lets an action have its effect in one statement, or never, and counts both."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infrastructure.postgres.database import Database, Single
from saga.participant.driver_statement import DriverStatement
from tests.support.waiting import until

WRITES = "INSERT INTO barrier", "UPDATE barrier", "UPDATE payments"
WAITING = "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def writes(statement: DriverStatement) -> bool:
    """Whether it is an action, and not a look."""
    return any(words in statement.text for words in WRITES)


class WatchedDatabase(Database):
    """`several`: no action is clean, so that each goes the way of several statements.

    `singles` counts statements that were run by themselves and had a row, `transactions` the
    transactions of the others.
    """

    def __init__(self, url: str, *, several: bool = False) -> None:
        super().__init__(url, pool_size=30)
        self.several = several
        self.singles = self.transactions = 0

    def single(self) -> Single:
        """One that may have no row."""
        return WatchedSingle(self)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One more."""
        self.transactions += 1
        async with super().transaction() as tx:
            yield tx


class WatchedSingle(Single):
    """Of a watched database."""

    def __init__(self, database: WatchedDatabase) -> None:
        super().__init__(database._pool, database._notifier)
        self._database = database

    async def first(
        self, statement: DriverStatement, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Its row, if it is let."""
        if self._database.several and writes(statement):
            return None
        row = await super().first(statement, parameters)
        self._database.singles += row is not None
        return row


async def count(database: Database, what: str) -> int:
    """How many rows there are."""
    async with database.statement() as tx:
        return int((await tx.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one())


@asynccontextmanager
async def meanwhile(
    database: Database, attempt: Coroutine[Any, Any, Any], *statements: str, commits: bool = True
) -> AsyncIterator["asyncio.Task[Any]"]:
    """An attempt that waits for what another transaction has written, which then ends."""

    async def waits() -> bool:
        return await count(database, WAITING) > 0

    async with database._engine.connect() as other:
        for statement in statements:
            await other.exec_driver_sql(statement)
        task = asyncio.create_task(attempt)
        await until(waits)
        await (other.commit() if commits else other.rollback())
    yield task
