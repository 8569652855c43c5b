"""The parts that the tests of payments run on."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infrastructure.settings import DatabaseSettings
from tests.sandbox.process import Sandbox, running_sandbox
from tests.services.payment.stack import Stack


@pytest_asyncio.fixture(scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """A running sandbox for the session; tests tell their orders apart."""
    async with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def payment_database_url(databases: DatabaseSettings) -> str:
    """A freshly migrated payment database."""
    return databases.payment_database_url


@pytest.fixture
def several() -> bool:
    """Whether no charge goes by statements that are a transaction each."""
    return False


@pytest_asyncio.fixture
async def stack(payment_database_url: str, sandbox: Sandbox, several: bool) -> AsyncIterator[Stack]:
    """The service on a fresh database."""
    made = Stack(payment_database_url, sandbox, several=several)
    yield made
    await made.provider.close()
    await made.database.close()
