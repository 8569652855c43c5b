"""One gateway with ample limits for the tests that do not count."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.edge import AMPLE, Edge, edge


@pytest_asyncio.fixture(scope="package")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with edge(tmp_path_factory.mktemp("gateway"), AMPLE) as running:
        yield running


@pytest.fixture
def gateway(shared: Edge) -> Edge:
    """A gateway before a stub that has seen nothing yet."""
    shared.upstream.received.clear()
    shared.upstream.replies.clear()
    return shared
