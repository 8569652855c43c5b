"""Runs a service's Alembic history. Several processes may migrate at once: one does the work."""

import asyncio
import logging
from functools import cache
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from infrastructure.postgres.database import Database
from infrastructure.postgres.primary import PrimaryConnector
from saga.participant import Unavailable

log = logging.getLogger(__name__)
LOCK = 0x5A6A  # any number, the same for all who migrate one database
# A change of a table that waits for a long reader makes everybody else wait behind it, so it waits
# for a moment only, and then lets the others pass before it tries again.
LOCK_TIMEOUT = "2s"
TRIES = 30
PAUSE = 1.0  # seconds
LOCK_NOT_AVAILABLE = "55P03"
# A transaction that has an id is written down when it ends, so the log must take that.
READ_STATE = text(
    "SELECT version_num, CASE WHEN current_setting('transaction_read_only')::bool THEN false"
    " ELSE pg_current_xact_id() IS NOT NULL END FROM alembic_version"
)


def config_for(migrations: Path, url: str) -> Config:
    """Alembic's configuration of one service, without an .ini file."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


async def upgrade(migrations: Path, url: str) -> None:
    """Bring the database to the newest revision; does nothing if it is there.

    Unavailable if others hold its tables for too long. What is migrated by then stays so.
    """
    for tried in range(1, TRIES + 1):
        try:
            await asyncio.to_thread(command.upgrade, config_for(migrations, url), "head")
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            log.warning("try %s of %s to migrate, a table is in use: %s", tried, TRIES, error)
            if tried == TRIES:
                detail = f"not migrated: a table was in use by others at each of {TRIES} tries"
                raise Unavailable(f"{detail}; look for long transactions") from error
            await asyncio.sleep(PAUSE)
        else:
            return


async def check(database: Database, migrations: Path) -> None:
    """Unavailable unless the database has all migrations that this code knows, or more.

    More is well: a release only adds to a schema, so the one before it goes on working. It must
    take writes, too: a commit is made, though of nothing.
    """
    newest, *older = _list_revisions(migrations)
    try:
        async with database.transaction() as tx:
            row = (await tx.execute(READ_STATE)).one_or_none()
    except ProgrammingError:  # there is no such table
        row = None
    found, takes_writes = row or (None, True)
    if not takes_writes:
        raise Unavailable("the database is read-only: it is a standby, or was demoted")
    if found is None or found in older:
        detail = f"schema is {found or 'missing'}, not {newest}: run saga-migrate"
        raise Unavailable(detail)


@cache
def _list_revisions(migrations: Path) -> tuple[str, ...]:
    """Newest first. They come with the code, so they are read once."""
    return tuple(
        revision.revision for revision in ScriptDirectory(str(migrations)).walk_revisions()
    )


def run_env(metadata: MetaData) -> None:
    """What every service's `env.py` calls: run the migrations that Alembic asks for."""
    asyncio.run(_migrate(context.config.attributes["url"], metadata))


async def _migrate(url: str, metadata: MetaData) -> None:
    connect = PrimaryConnector(bounded=False).connect
    engine = create_async_engine(
        url, poolclass=NullPool, connect_args={"async_creator_fn": connect}
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, metadata)
    finally:
        await engine.dispose()


def _run(connection: Connection, metadata: MetaData) -> None:
    """Each revision in a transaction of its own; one session has the lock until it ends.

    So a table that one revision changes is not held while the next builds an index of another.
    """
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.execute(
        text("SELECT set_config('lock_timeout', :limit, false)"), {"limit": LOCK_TIMEOUT}
    )
    connection.commit()  # else Alembic takes this transaction for the one of all revisions
    context.configure(
        connection=connection, target_metadata=metadata, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
