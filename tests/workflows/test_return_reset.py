"""Resets of returns, and of orders that were returned: no new effect, and nothing undone."""

import os
import signal

import pytest

from contracts.names import return_id, workflow_id
from tests.support.gates import AFTER, BEFORE
from tests.support.returns import ask, cancel, confirmed, ended, handle, is_returned, types
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_temporal_cli import temporal


async def reset(world: World, saga_id: str) -> None:
    which = ("-w", saga_id, "--type", "FirstWorkflowTask", "--reason", "a test")
    await temporal(world, "workflow", "reset", *which)


async def test_a_finished_return_that_is_reset_has_no_new_effect(world: World) -> None:
    order, sku = await confirmed(world)
    await ask(world, order)
    await ended(world, order)
    before = await world.order(order.id), await types(world, order)
    await reset(world, return_id(order.id))
    assert (await handle(world, order).result()).returned
    await is_returned(world, order, sku)
    assert (await world.order(order.id), await types(world, order)) == before


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
async def test_a_cancel_of_a_reset_return_cannot_undo_a_refund_that_was_begun(
    world: World, moment: str
) -> None:
    """The refund has begun in the first run; the second is cancelled before it gets there."""
    order, sku = await confirmed(world)
    await ask(world, order)
    await ended(world, order)
    gate = world.gates.close(return_id(order.id), "order.begin_return", moment)
    await reset(world, return_id(order.id))
    await gate.wait_reached()
    await cancel(world, order, "temporal")
    await gate.open()
    await ended(world, order)
    await is_returned(world, order, sku)


async def test_a_cancel_of_a_reset_return_cannot_undo_a_refund_that_is_on_its_way(
    world: World,
) -> None:
    """The provider has not answered: nobody knows whether the money is back, so it must be."""
    order, sku = await confirmed(world)
    assert world.provider.runner.identity is not None
    pid = world.provider.runner.identity.pid

    async def asked() -> bool:
        return world.gates.started[return_id(order.id), "payment.give_back"] > 1

    os.kill(pid, signal.SIGSTOP)
    try:
        await ask(world, order)
        await until(asked)
        gate = world.gates.close(return_id(order.id), "order.begin_return", BEFORE)
        await reset(world, return_id(order.id))
        await gate.wait_reached()
        await cancel(world, order, "temporal")
        await gate.open()
    finally:
        os.kill(pid, signal.SIGCONT)
    await ended(world, order)
    await is_returned(world, order, sku)


async def test_an_order_that_was_returned_can_be_reset_without_effect(world: World) -> None:
    order, sku = await confirmed(world)
    await ask(world, order)
    await ended(world, order)
    await reset(world, workflow_id(order.id))
    assert (await world.handle(order.id).result()).status == "confirmed"
    await is_returned(world, order, sku)
