"""A second PostgreSQL, which is new: a dump that is loaded there meets low transaction ids."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.deploy.test_backup import restored
from tests.support.databases import Server, running_server

BURNT = 5000  # transactions by which the first server is ahead
BURN = f"""
DO $$ BEGIN FOR n IN 1..{BURNT} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$
"""
Restore = Callable[[str], Awaitable[str]]


@pytest_asyncio.fixture(scope="session")
async def new_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """It has begun no more transactions than its own start took."""
    async with running_server(tmp_path_factory.mktemp("new")) as running:
        yield running


async def burn(url: str) -> None:
    """Let the server of this database be ahead."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(BURN)
    await connection.close()


@pytest.fixture
def restore(new_server: Server, tmp_path: Path) -> Restore:
    """Dump a database and load it on the new server, by the commands of docs/deploying.md."""

    async def elsewhere(url: str) -> str:
        return await restored(new_server, url, tmp_path)

    return elsewhere
