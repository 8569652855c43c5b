"""Databases of a command's own, which are gone when it has ended."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infrastructure.settings import DatabaseSettings


@asynccontextmanager
async def own_databases() -> "AsyncIterator[DatabaseSettings]":
    """Migrated databases on a PostgreSQL of their own."""
    from contracts.names import DATABASES  # noqa: PLC0415 - heavy
    from infrastructure.settings import DatabaseSettings  # noqa: PLC0415 - heavy
    from local_stack.ports import free_port  # noqa: PLC0415 - heavy
    from local_stack.postgres.server import Postgres  # noqa: PLC0415 - heavy
    from services.migrate import migrate  # noqa: PLC0415 - heavy

    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres.at(Path(folder), free_port(), durable=False)
        await postgres.start()
        try:
            urls = {
                f"{database}_database_url": postgres.url(role)
                for database, role in DATABASES.items()
            }
            settings = DatabaseSettings.model_validate(urls)
            await migrate(settings)
            yield settings
        finally:
            await postgres.stop()
            postgres.remove()
