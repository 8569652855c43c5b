"""A whole order saga whose payloads are encrypted."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.codec.rings import encrypting
from tests.support.databases import Server
from tests.support.world import World, running_world


@pytest_asyncio.fixture(scope="module")
async def sealed_world(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """As the fixture `world`, with encryption required."""
    databases, folder = await server.databases(), tmp_path_factory.mktemp("sealed")
    async with running_world(folder, databases, encrypting()) as running:
        yield running
