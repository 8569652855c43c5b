"""A real PostgreSQL for the session, with migrated databases that each test finds empty."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import asyncpg
from sqlalchemy import MetaData

from contracts.names import DATABASES
from infrastructure.settings import DatabaseSettings
from local_stack.postgres.databases import HOST
from local_stack.postgres.server import Postgres
from services.migrate import migrate
from tests.support.ports import free_port

OF_THE_MIGRATIONS = {"event_epochs"}  # they fill it
# Tables that have given out a number, though they may be empty.
COUNTED = """
SELECT tables.relname::text
FROM pg_sequence sequences
JOIN pg_depend owned ON owned.objid = sequences.seqrelid AND owned.refobjsubid > 0
JOIN pg_class tables ON tables.oid = owned.refobjid
WHERE pg_sequence_last_value(sequences.seqrelid) IS NOT NULL
"""
_numbers = count(1)


class Server:
    """One PostgreSQL server, of which a test gets databases."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres

    def url(self, database: str) -> str:
        """The superuser's URL of any database."""
        password = self.postgres.credentials.superuser
        return f"postgresql://postgres:{password}@{HOST}:{self.postgres.port}/{database}"

    async def execute(self, *statements: str) -> None:
        """Run statements as superuser, each on its own."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def databases(self) -> DatabaseSettings:
        """Freshly migrated databases. Nobody drops them: the server goes with the session."""
        number = next(_numbers)
        names = {service: f"test_{number}_{service}" for service in DATABASES}
        await self.execute(*(f"CREATE DATABASE {name}" for name in names.values()))
        urls = {f"{key}_database_url": self.url(name) for key, name in names.items()}
        settings = DatabaseSettings.model_validate(urls)
        await migrate(settings)
        return settings


async def empty(settings: DatabaseSettings) -> None:
    """Forget all rows; much faster than making databases anew."""
    await asyncio.gather(*(_empty(settings, service) for service in DATABASES))


async def _empty(settings: DatabaseSettings, service: str) -> None:
    """Truncate what was written to: to truncate a table costs more than to look into it."""
    url = getattr(settings, f"{service}_database_url").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        tables = sorted(set(metadata_of(service).tables) - OF_THE_MIGRATIONS)
        filled = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables
        )
        rows = await connection.fetch(f"{filled} UNION ALL {COUNTED}")
        if used := {row[0] for row in rows} & set(tables):
            names = ", ".join(sorted(used))
            await connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    finally:
        await connection.close()


def metadata_of(service: str) -> MetaData:
    """The tables that a service's code declares."""
    declared: MetaData = importlib.import_module(f"services.{service}.tables").metadata
    return declared


@asynccontextmanager
async def running_server(directory: Path) -> AsyncIterator[Server]:
    """Start PostgreSQL in a folder, stop it at the end; it need not survive the machine."""
    postgres = Postgres.at(directory, free_port(), durable=False)
    await postgres.start()
    try:
        yield Server(postgres)
    finally:
        await postgres.stop()
        postgres.remove()


# How many statements a database has run since `SELECT pg_stat_statements_reset()`.
STATEMENTS = (
    "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s"
    " JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1"
)


@asynccontextmanager
async def counting_server(directory: Path) -> AsyncIterator[Server]:
    """The same, which counts statements; its database `postgres` tells."""
    async with running_server(directory) as server:
        await server.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        await server.postgres.stop()
        await server.postgres.start()
        await server.execute("CREATE EXTENSION pg_stat_statements")
        yield server
