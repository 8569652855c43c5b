"""Two versions of the workers side by side, and orders in flight."""

import asyncio
import os
import subprocess
from collections import Counter

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from cli.operate.deploy.deployment import API, UNVERSIONED
from cli.operate.deploy.open_sagas import move
from cli.operate.deploy.rollout import Pace, promote, roll_back, wait_until_drained
from cli.operate.errors import NoVersion
from contracts.names import Queue, workflow_id
from local_stack.programs import program
from saga.participant.activity_errors import ServiceErrors
from tests.support.gates import AFTER, BEFORE, EVERY, Gates
from tests.support.waiting import until
from tests.versions.changes import Broken
from tests.versions.conftest import QUICKLY, Versions
from tests.workflows.test_temporal_cli import reset
from workers.deployment_version import VersionSettings
from workers.registration import worker_for


async def test_a_saga_ends_on_the_version_that_it_began_with(versions: Versions) -> None:
    world, deployment = versions.world, versions.deployment
    async with versions.workers("one"), versions.workers("two"):
        await deployment.set_current("one")
        order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
        await until(lambda: is_on(versions, order_id, "one"))
        async with versions.trade():
            assert await promote(deployment, "two", QUICKLY, versions.say), versions.said
        draining = asyncio.create_task(wait_until_drained(deployment, "one", 60, versions.say))
        await until(lambda: said(versions, f"1 open: {workflow_id(order_id)}"))
        assert not draining.done()
        await gate.open()
        assert await draining
        await world.settled(order_id, sku, "confirmed")
        assert await versions.version_of(order_id) == "one"
        ((later, sku),) = await versions.placed(1)
        await world.settled(later, sku, "confirmed")
        assert await versions.version_of(later) == "two"


async def test_a_saga_of_workers_without_a_version_ends_well_when_there_is_one(
    versions: Versions,
) -> None:
    world, deployment = versions.world, versions.deployment
    order_id, sku, gate = await world.stopped_at("inventory.reserve", BEFORE)
    async with versions.workers("first"):
        await deployment.set_current("first")
        await gate.open()
        await world.settled(order_id, sku, "confirmed")


async def test_a_part_of_the_orders_goes_to_what_is_tried(versions: Versions) -> None:
    async with versions.workers("tried"):
        await versions.deployment.ramp("tried", 50)
        orders = [order for _ in range(3) for order in await versions.placed(20)]
        for order_id, sku in orders:
            await versions.world.settled(order_id, sku, "confirmed")
        shares = Counter([await versions.version_of(order_id) for order_id, _ in orders])
        # Each goes there with probability 1/2: fewer than 8 or more than 52 do in 8 of 10^10 runs.
        assert 8 <= shares["tried"] <= 52, shares
        assert shares["tried"] + shares[UNVERSIONED] == 60


async def test_a_version_whose_code_fails_is_rolled_back_and_no_order_is_lost(
    versions: Versions,
) -> None:
    deployment = versions.deployment
    async with versions.workers("good"), versions.workers("broken", Broken):
        await deployment.set_current("good")
        async with versions.trade():
            assert not await promote(deployment, "broken", QUICKLY, versions.say)
        assert "is stuck: 'a bug of the new version'" in versions.said[-1]
        routing = await deployment.routing()
        assert (routing.current, routing.ramping) == ("good", None)


async def test_a_version_whose_orders_go_badly_is_rolled_back_and_they_are_moved(
    versions: Versions,
) -> None:
    deployment, gates = versions.deployment, Gates()
    error = ApplicationError("cannot reach the provider")
    gates.refuse(EVERY, "payment.charge", error)
    async with versions.workers("fine"), versions.workers("bad", gates=gates):
        await deployment.set_current("fine")
        async with versions.trade() as orders:
            assert not await promote(deployment, "bad", QUICKLY, versions.say)
            assert "payment.charge keeps failing: cannot reach the provider" in versions.said[-1]
            stuck = [order for order, _ in orders if await versions.version_of(order) == "bad"]
            assert stuck

            async def moved() -> bool:
                await move(deployment, "bad", "fine")
                return {await versions.version_of(item) for item in stuck} == {"fine"}

            await until(moved)


async def test_a_rollback_makes_the_former_version_current_again(versions: Versions) -> None:
    deployment = versions.deployment
    async with versions.workers("older"), versions.workers("newer"):
        await deployment.set_current("older")
        await deployment.ramp("newer", 10)
        assert await roll_back(deployment, None, versions.say) == "newer"
        assert (await deployment.routing()).ramping is None
        await deployment.set_current("newer")
        assert await roll_back(deployment, None, versions.say) == "newer"
        ((order_id, sku),) = await versions.placed(1)
        await versions.world.settled(order_id, sku, "confirmed")
        assert await versions.version_of(order_id) == "older"


async def test_a_saga_that_is_reset_to_its_first_task_begins_with_the_current_version(
    versions: Versions,
) -> None:
    world, deployment = versions.world, versions.deployment
    async with versions.workers("before"), versions.workers("after"):
        await deployment.set_current("before")
        ((order_id, sku),) = await versions.placed(1)
        await world.settled(order_id, sku, "confirmed")
        assert await versions.version_of(order_id) == "before"
        await deployment.set_current("after")
        await reset(world, order_id)
        await world.settled(order_id, sku, "confirmed")
        assert await versions.version_of(order_id) == "after"


async def test_a_version_that_no_order_comes_to_is_not_promoted(versions: Versions) -> None:
    pace = Pace(steps=(10,), seconds=0, orders=1, patience=1)
    async with versions.workers("idle"):
        assert not await promote(versions.deployment, "idle", pace, versions.say)
        assert "only 0 of its sagas ended" in versions.said[-1]
        assert (await versions.deployment.routing()).ramping is None


async def test_what_cannot_be_is_told(versions: Versions) -> None:
    deployment = versions.deployment
    async with versions.workers("only"):
        await deployment.set_current("only")
        with pytest.raises(NoVersion, match="still gets new orders"):
            await wait_until_drained(deployment, "only", 1, versions.say)
        with pytest.raises(NoVersion, match="no workers of version nonsense"):
            await promote(deployment, "nonsense", QUICKLY, versions.say)
        with pytest.raises(NoVersion, match="there was no version nonsense"):
            await roll_back(deployment, "nonsense", versions.say)


async def test_beside_an_api_that_begins_orders_itself_nothing_is_promoted(
    versions: Versions,
) -> None:
    client = await Client.connect(
        versions.world.address, identity=API, data_converter=pydantic_data_converter
    )
    options = {"task_queue": Queue.ORDERS, "interceptors": [versions.world.gates, ServiceErrors()]}
    async with versions.workers("next"):
        async with worker_for(client, Queue.ORDERS, versions.world.services, **options):
            await until(lambda: sees_the_api(versions))
            with pytest.raises(NoVersion, match="saga up --separate"):
                await promote(versions.deployment, "next", QUICKLY, versions.say)
        assert (await versions.deployment.routing()).current == UNVERSIONED


def test_an_api_with_a_worker_of_its_own_has_no_version() -> None:
    ran = subprocess.run(
        program("saga-api", "--work"),
        env={**os.environ, "TEMPORAL_WORKER_BUILD_ID": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1
    assert "--work and TEMPORAL_WORKER_BUILD_ID" in ran.stderr


def test_workers_without_a_build_id_take_part_in_no_version() -> None:
    assert VersionSettings().deployment() is None


async def is_on(versions: Versions, order_id: str, build_id: str) -> bool:
    return await versions.version_of(order_id) == build_id


async def sees_the_api(versions: Versions) -> bool:
    try:
        await versions.deployment.refuse_working_api()
    except NoVersion:
        return True
    return False


async def said(versions: Versions, words: str) -> bool:
    return any(words in record for record in versions.said)
