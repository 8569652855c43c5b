"""Runs a service's Alembic history. Several processes may migrate at once: one does the work."""

import asyncio
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LOCK = 0x5A6A  # any number, the same for all who migrate one database


def config_for(migrations: Path, url: str) -> Config:
    """Alembic's configuration of one service, without an .ini file."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


async def upgrade(migrations: Path, url: str) -> None:
    """Bring the database to the newest revision; does nothing if it is there."""
    await asyncio.to_thread(command.upgrade, config_for(migrations, url), "head")


def run_env(metadata: MetaData) -> None:
    """What every service's `env.py` calls: run the migrations that Alembic asks for."""
    asyncio.run(_migrate(context.config.attributes["url"], metadata))


async def _migrate(url: str, metadata: MetaData) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, metadata)
            await connection.commit()
    finally:
        await engine.dispose()


def _run(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()
