"""One stack for all of these tests, whose provider can be cut off."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.sandbox.process import KEY, running_sandbox
from tests.support.faulty import FaultyWay, faulty_way
from tests.support.stack import Stack, running_stack
from tests.topology.shop import Shop

PAYMENTS = 3


@dataclass
class Split:
    """The stack, and the way from the payment service to the provider."""

    stack: Stack
    provider: FaultyWay

    def port(self, name: str) -> int:
        """Where an instance listens."""
        service, _, n = name.partition("-")
        return self.stack.state.ports.instance(service, int(n))

    async def shop(self) -> Shop:
        """A new customer and product."""
        shop = Shop(self.stack)
        await shop.open()
        return shop


@pytest.fixture(scope="session")
def outage() -> float:
    """How long something is down, in seconds; set TOPOLOGY_OUTAGE for another time."""
    return float(os.environ.get("TOPOLOGY_OUTAGE") or 60)


@pytest_asyncio.fixture(scope="session")
async def split(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Split]:
    """`saga up --topology services --scale payment=3`."""
    folder = tmp_path_factory.mktemp("topology")
    async with running_sandbox(folder) as sandbox, faulty_way(sandbox.port) as way:
        provider = {
            "PAYMENT_PROVIDER_URL": f"http://127.0.0.1:{way.port}",
            "PAYMENT_PROVIDER_KEY": KEY,
        }
        options = ("--topology", "services", "--scale", f"payment={PAYMENTS}")
        async with running_stack(folder, workers=1, environment=provider, options=options) as stack:
            yield Split(stack, way)
