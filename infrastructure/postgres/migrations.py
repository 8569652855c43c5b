"""Runs a service's Alembic history. Several processes may migrate at once: one does the work."""

import asyncio
import logging
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

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
