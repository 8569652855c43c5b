"""Both buses, fresh for each test, and the database of handlers."""

import contextlib
from collections.abc import AsyncIterator

import nats
import nats.js.errors
import pytest
import pytest_asyncio

from infrastructure.messaging.nats_messages import STREAM
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from tests.bus.parts import EFFECTS, Opening, opening
from tests.support.nats import running_nats


@pytest_asyncio.fixture(scope="session")
async def nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A NATS server for the session."""
    async with running_nats(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest_asyncio.fixture(params=["postgres", "nats"])
async def bus_url(
    request: pytest.FixtureRequest, nats_url: str, databases: DatabaseSettings
) -> str:
    """An empty bus of each kind."""
    if request.param == "postgres":
        return databases.event_database_url
    client = await nats.connect(nats_url)
    with contextlib.suppress(nats.js.errors.NotFoundError):
        await client.jetstream().delete_stream(STREAM)
    await client.close()
    return nats_url


@pytest.fixture
def open_bus(bus_url: str) -> Opening:
    """Opens another connection to the bus."""
    return opening(bus_url)


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    """Where handlers have their effects: the event database, with a table for these."""
    opened = Database(databases.event_database_url, pool_size=20)
    async with opened.transaction() as tx:
        await tx.run_sync(EFFECTS.metadata.create_all)
    yield opened
    async with opened.transaction() as tx:
        await tx.run_sync(EFFECTS.metadata.drop_all)
    await opened.close()
