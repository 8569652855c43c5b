"""One stack for the tests of commands."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stack import Stack, running_stack


@pytest_asyncio.fixture(scope="package")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack with two workers, by `saga up`."""
    async with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
