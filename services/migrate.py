"""Brings every service's database to its newest schema."""

import asyncio
from pathlib import Path

from infrastructure.migrations import upgrade
from infrastructure.registry.postgres import MIGRATIONS as REGISTRY
from infrastructure.settings import DatabaseSettings, RegistrySettings

SERVICES = ("user", "order", "inventory", "payment")
DATABASES = (*SERVICES, "event")


def migrations_of(service: str) -> Path:
    """The folder of a service's Alembic history."""
    return Path(__file__).parent / service / "migrations"


async def migrate(settings: DatabaseSettings) -> None:
    """Migrate all databases; safe to repeat and to run from several machines.

    One after the other: Alembic keeps the migration that it runs in a global of the process.
    """
    for service in DATABASES:
        await upgrade(migrations_of(service), getattr(settings, f"{service}_database_url"))


async def main() -> None:
    """Entry point: the services' databases, and the registry's if there is one."""
    await migrate(DatabaseSettings())
    if url := RegistrySettings().registry_database_url:
        await upgrade(REGISTRY, url)


if __name__ == "__main__":
    asyncio.run(main())
