"""Workers of every setting that `saga bench settings` measures carry an order to its end."""

import gc
from contextlib import AsyncExitStack

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.temporal.saga_gateway import OrderSagas
from benchmarks.programs.temporal import workers_by
from benchmarks.programs.worker_settings import SETTINGS
from tests.support.world import World
from tests.workers.test_working import accepted, eagerly


@pytest.mark.parametrize("settings", SETTINGS)
async def test_workers_of_every_setting_carry_an_order_to_its_end(
    world: World, settings: str
) -> None:
    sku, order_id = await world.product(), f"ord_by-{settings}"
    client = await Client.connect(world.address, data_converter=pydantic_data_converter)
    async with AsyncExitStack() as stack:
        stack.callback(gc.unfreeze)
        for worker in workers_by(settings, client, world.services):
            await stack.enter_async_context(worker)
        sagas = OrderSagas(client, fast_path=True)
        assert await sagas.start(await accepted(world, sku, order_id, "pm_card_visa"))
        await world.settled(order_id, sku, "confirmed")
    assert await eagerly(world, order_id), "it was begun by a worker of these settings"
