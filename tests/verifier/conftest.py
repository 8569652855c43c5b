"""One world for all tests of the verifier, and the plan of its first subject."""

import logging
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.databases import Server
from verifier import campaign
from verifier.place_order import PLACE_ORDER
from verifier.plan import Plan
from verifier.world import World, running_world


@pytest_asyncio.fixture(scope="package")
async def verified(server: Server) -> AsyncIterator[World]:
    """What schedules run in."""
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # faults are what we make
    async with running_world(await server.databases()) as world:
        yield world
    logging.getLogger("temporalio").setLevel(logging.NOTSET)


@pytest_asyncio.fixture(scope="package")
async def plan(verified: World) -> Plan:
    """All schedules of PlaceOrder."""
    return await campaign.plan(verified, PLACE_ORDER)
