"""A real PostgreSQL for the session, and freshly migrated databases, made from templates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import asyncpg

from cli.stack.databases import HOST
from cli.stack.postgres import Postgres
from infrastructure.migrations import upgrade
from infrastructure.settings import DatabaseSettings, with_driver
from services.migrate import SERVICES, migrations_of
from tests.ports import free_port

_numbers = count(1)


class Server:
    """One PostgreSQL server with a migrated template database for each service."""

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

    async def make_templates(self) -> None:
        """Migrate one database a service, to copy from.

        The server need not survive a power cut, and syncing a thousand small databases when it
        stops takes half a minute.
        """
        await self.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        for service in SERVICES:
            await self.execute(f"CREATE DATABASE template_{service}")
            url = with_driver(self.url(f"template_{service}"))
            await upgrade(migrations_of(service), url)

    async def databases(self) -> DatabaseSettings:
        """Four fresh databases. Nobody drops them: the whole server goes with the session."""
        number = next(_numbers)
        names = {service: f"test_{number}_{service}" for service in SERVICES}
        await self.execute(
            *(f"CREATE DATABASE {name} TEMPLATE template_{it}" for it, name in names.items())
        )
        urls = {f"{it}_database_url": self.url(name) for it, name in names.items()}
        return DatabaseSettings.model_validate(urls)


@asynccontextmanager
async def running_server(directory: Path) -> AsyncIterator[Server]:
    """Start PostgreSQL in a folder, with templates; stop it at the end."""
    postgres = Postgres.at(directory, free_port())
    await postgres.start()
    try:
        server = Server(postgres)
        await server.make_templates()
        yield server
    finally:
        await postgres.stop()
