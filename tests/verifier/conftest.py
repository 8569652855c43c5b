"""One world for all tests of the verifier, and the plan of its first subject."""

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from invariants.environment import OrderWorld, running_order_world
from invariants.subjects.place_order import PLACE_ORDER
from invariants.subjects.return_order import RETURN_ORDER
from saga.verify import campaign
from saga.verify.schedules.plan import Plan
from tests.support.databases import Server

# The SDK warns if a local attempt's end and its cancel cross each other. That is no fault.
GONE = "ignore:Cannot find activity to cancel:UserWarning"


@pytest_asyncio.fixture(scope="package")
async def verified(server: Server) -> AsyncIterator[OrderWorld]:
    """What schedules run in."""
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # faults are what we make
    async with running_order_world(await server.databases()) as world:
        yield world
    logging.getLogger("temporalio").setLevel(logging.NOTSET)


@pytest_asyncio.fixture(scope="package")
async def plans(verified: OrderWorld) -> dict[str, Plan]:
    """All schedules, by subject."""
    return {item.name: await campaign.plan(verified, item) for item in (PLACE_ORDER, RETURN_ORDER)}


@pytest.fixture
def plan(plans: dict[str, Plan]) -> Plan:
    """All schedules of PlaceOrder."""
    return plans[PLACE_ORDER.name]
