"""A saga that was ended from outside, and reset: its new run answers for what the old one did."""

import pytest

from contracts.names import workflow_id
from tests.support.gates import AFTER, BEFORE
from tests.support.world import World
from tests.workflows.test_temporal_cli import reset, reset_ended


@pytest.mark.parametrize("reached", ["inventory.reserve", "payment.charge"])
@pytest.mark.parametrize("again", ["order.create", "user.validate"])
async def test_cancelled_early_in_its_second_run_it_undoes_what_the_first_did(
    world: World, reached: str, again: str
) -> None:
    order_id, sku, gate = await world.stopped_at(reached, AFTER)
    await world.handle(order_id).terminate()
    second = world.gates.close(workflow_id(order_id), again, BEFORE)
    await reset_ended(world, order_id)
    await second.wait_reached()
    await world.handle(order_id).cancel()
    await second.open()
    order = await world.settled(order_id, sku, "cancelled")
    captured, refunded = await world.provider.fetch_moved(order_id)
    assert (captured > 0) == (reached == "payment.charge")
    assert captured == refunded
    await gate.open()  # on the fast path, the first run has not heard of its end, and goes on
    await world.check_conserved(await world.order(order_id), sku)
    await reset(world, order_id)  # and it can be reset again
    assert await world.settled(order_id, sku, "cancelled") == order
