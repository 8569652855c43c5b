"""Temporal's server on PostgreSQL, for the tests of one file.

Each file has a server of its own, since one namespace serves one stack: workers of another one
would carry out its orders, in their own databases.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.temporal_postgres.running import Served, serving


@pytest_asyncio.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("temporal")) as found:
        yield found
