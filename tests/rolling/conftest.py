"""One stack for all groups of processes, and a receiver of webhooks beside it."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts.names import SERVICES
from tests.rolling.parts import Cluster, around
from tests.support.stack import running_stack
from tests.webhooks.parts import Receiver

SPLIT = ("--topology", "services", "--separate", *(f"--scale={service}=2" for service in SERVICES))


@pytest.fixture(scope="session")
def rate() -> float:
    """Orders a second; a machine that is busy otherwise may not keep up with the default."""
    return float(os.environ.get("ROLLING_RATE") or 2)


@pytest_asyncio.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """`saga up --topology services --separate`, two instances each, and what is around it."""
    folder = tmp_path_factory.mktemp("rolling")
    async with (
        running_stack(folder, workers=1, options=SPLIT) as stack,
        around(stack, folder) as found,
    ):
        yield found


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Where the customer's webhook leads."""
    made = Receiver()
    await made.start()
    yield made
    assert made.server is not None
    made.server.close()
