"""One sandbox process for the session; tests tell their orders apart."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.sandbox.process import Sandbox, running_sandbox


@pytest_asyncio.fixture(scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """A running sandbox."""
    async with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running
