"""Has two sides meet between the statements of their transactions, too, and not only between calls.

A transaction stands open then while the other side works, and may have locked what that needs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.util import await_only

from infrastructure.postgres.database import Database, Single
from infrastructure.postgres.notify import Notification, Notifier
from invariants.environment import OrderWorld
from saga.participant.driver_statement import DriverStatement
from saga.verify.concurrent.turns import CURRENT

BLOCKED = text("SELECT cardinality(pg_blocking_pids(:pid)) > 0")


@contextmanager
def pause_at_statements(world: OrderWorld) -> Iterator[None]:
    """While this lasts, each statement of a call and each commit is a turn of its own."""
    database, first, notify = world.databases["order"], Single.first, Notifier.notify

    def before_statement(connection: Connection, *_: Any) -> None:
        _pause(database, connection, "a statement")

    def before_commit(connection: Connection) -> None:
        _pause(database, connection, "its commit")

    async def pause_before(
        self: Single, statement: DriverStatement, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        if (turn := CURRENT.get()) is not None:
            await turn.pause("a statement")
        return await first(self, statement, parameters)

    def notify_beside(self: Notifier, notifications: set[Notification]) -> None:
        """What tells listeners goes on when the call has ended: it is no part of it."""
        token = CURRENT.set(None)
        try:
            notify(self, notifications)
        finally:
            CURRENT.reset(token)

    event.listen(Engine, "before_cursor_execute", before_statement)
    event.listen(Engine, "commit", before_commit)
    try:
        with (
            patch.object(Single, "first", pause_before),
            patch.object(Notifier, "notify", notify_beside),
        ):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", before_statement)
        event.remove(Engine, "commit", before_commit)


def _pause(database: Database, connection: Connection, what: str) -> None:
    """Within SQLAlchemy's greenlet, so that this may wait."""
    if (turn := CURRENT.get()) is not None:
        driver: Any = connection.connection.driver_connection
        turn.blocked = partial(_is_blocked, database, driver.get_server_pid())
        await_only(turn.pause(what))


async def _is_blocked(database: Database, pid: int) -> bool:
    """Whether a session waits for a lock; all databases are on one server."""
    async with database.statement() as tx:
        return bool((await tx.execute(BLOCKED, {"pid": pid})).scalar_one())
