"""Every service's migrations make exactly the tables that its code declares."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from contracts.names import DATABASES
from infrastructure.postgres.migrations import upgrade
from infrastructure.settings import DatabaseSettings
from services.schema import list_revisions, migrations_of
from tests.support.databases import metadata_of


@pytest.mark.parametrize("service", DATABASES)
async def test_migrated_tables_are_the_declared_ones(
    databases: DatabaseSettings, service: str
) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        migrated = MigrationContext.configure(connection, opts=options)
        migrated = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(migrated, metadata_of(service)))

    engine = create_async_engine(getattr(databases, f"{service}_database_url"), poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("service", DATABASES)
async def test_migrating_again_changes_nothing(databases: DatabaseSettings, service: str) -> None:
    await upgrade(migrations_of(service), getattr(databases, f"{service}_database_url"))


@pytest.mark.parametrize("service", DATABASES)
def test_revisions_are_told_from_the_names_of_their_files(service: str) -> None:
    history = ScriptDirectory(str(migrations_of(service))).walk_revisions()
    assert list_revisions(service) == tuple(revision.revision for revision in history)
