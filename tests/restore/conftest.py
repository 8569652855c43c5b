"""One recording for all, and a server that has hardly done anything yet."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.restore.kinds import KINDS, When
from tests.restore.recording import Recording, recorded
from tests.support.databases import Server, running_server

A_SET = len(KINDS) * len(When)
ORDERS = int(os.environ.get("RESTORE_ORDERS") or A_SET)
WHOLE = ORDERS > A_SET  # all of the drill, and not only its bounded part


@pytest_asyncio.fixture(scope="session")
async def recording(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Recording]:
    """The disaster; RESTORE_ORDERS says how many orders it meets."""
    async with recorded(tmp_path_factory.mktemp("recording"), -(-ORDERS // A_SET)) as made:
        yield made


@pytest_asyncio.fixture(scope="session")
async def fresh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A PostgreSQL server whose transactions have low numbers."""
    async with running_server(tmp_path_factory.mktemp("fresh")) as running:
        yield running
