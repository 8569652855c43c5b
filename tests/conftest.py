"""What tests share: one PostgreSQL and one set of databases a test, made from templates."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infrastructure.settings import DatabaseSettings
from tests.databases import Server, running_server


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A real PostgreSQL with migrated templates."""
    async with running_server(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest_asyncio.fixture
async def databases(server: Server) -> DatabaseSettings:
    """Four freshly migrated databases."""
    return await server.databases()
