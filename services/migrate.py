"""Brings databases to their newest schema: all, or those that are named.

`saga-migrate` needs the URLs of all; `saga-migrate user` only
USER_DATABASE_URL, so that a job need reach no database but its own.
"""

import argparse
import asyncio
from collections.abc import Sequence

from contracts.names import DATABASES
from infrastructure.postgres.migrations import upgrade
from infrastructure.registry.postgres import MIGRATIONS as REGISTRY
from infrastructure.settings import AnyDatabaseSettings, DatabaseSettings, RegistrySettings
from services.schema import migrations_of


async def migrate(settings: DatabaseSettings) -> None:
    """Migrate all databases; safe to repeat and to run from several machines.

    One after the other: Alembic keeps the migration that it runs in a global of the process.
    """
    for service in DATABASES:
        await upgrade(migrations_of(service), getattr(settings, f"{service}_database_url"))


async def migrate_only(names: Sequence[str]) -> None:
    """Migrate these. ValueError if one has no URL."""
    settings = AnyDatabaseSettings()
    for name in names:
        url = getattr(settings, f"{name}_database_url")
        if url is None:
            raise ValueError(f"set {name.upper()}_DATABASE_URL")
        await upgrade(migrations_of(name), url)


async def run(names: Sequence[str]) -> None:
    """The named databases; else all of them, and the registry's if there is one."""
    if names:
        await migrate_only(names)
        return
    await migrate(DatabaseSettings())
    if url := RegistrySettings().registry_database_url:
        await upgrade(REGISTRY, url)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="saga-migrate")
    parser.add_argument("database", nargs="*", metavar="|".join(DATABASES), help="default: all")
    names = parser.parse_args().database
    if wrong := set(names) - set(DATABASES):
        parser.error(f"no such database: {', '.join(sorted(wrong))}")
    asyncio.run(run(names))


if __name__ == "__main__":
    main()
