"""Brings every service's database to its newest schema."""

import asyncio
from pathlib import Path

from infrastructure.migrations import upgrade
from infrastructure.settings import DatabaseSettings

SERVICES = ("user", "order", "inventory", "payment")


def migrations_of(service: str) -> Path:
    """The folder of a service's Alembic history."""
    return Path(__file__).parent / service / "migrations"


async def migrate(settings: DatabaseSettings) -> None:
    """Migrate all four databases at once; safe to repeat and to run from several machines."""
    urls = {service: getattr(settings, f"{service}_database_url") for service in SERVICES}
    await asyncio.gather(*(upgrade(migrations_of(name), url) for name, url in urls.items()))


if __name__ == "__main__":
    asyncio.run(migrate(DatabaseSettings()))
