"""An order whose workflow was terminated is told as such, wherever anything is told of it."""

import pytest

from console.explanations import plan_cancel
from console.order_details import read_order_details
from console.pages.attention import _parts
from contracts.names import return_id, workflow_id
from tests.support.gates import BEFORE
from tests.support.telling import backend_of, read_told
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited, terminated_at


async def needs_attention(world: World, saga_id: str) -> bool:
    """Whether the console lists it so."""
    return saga_id in str((await _parts(backend_of(world)))["troubles"])


@pytest.mark.parametrize("fast_path", [True, False], ids=["in-its-first-task", "later"])
async def test_a_terminated_order_is_nowhere_said_to_go_on(
    world: World, *, fast_path: bool
) -> None:
    world.fast_path = fast_path
    order_id, sku, gate = await terminated_at(world, "payment.charge", BEFORE)
    world.fast_path = True
    told = await read_told(world, order_id)
    for said in told.sentences:
        assert "ends by itself" not in said
        assert "and stands still: the workflow is terminated" in said
        assert "temporal workflow reset" in said
    assert (told.saga["state"], told.saga["trouble"]["kind"]) == ("ended", "ended")
    assert bool(told.saga["steps"]) is not fast_path
    assert plan_cancel(await read_order_details(order_id, backend_of(world))).refusal
    await until(lambda: needs_attention(world, workflow_id(order_id)))
    await audited(world)
    await gate.open()  # what was called off comes too late
    await world.settled(order_id, sku, "cancelled")
    after = await read_told(world, order_id)
    assert after.story["troubles"] == []
    assert "terminated" not in after.explained


async def test_an_order_whose_return_was_terminated_is_not_simply_confirmed(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    gate = world.gates.close(return_id(order_id), "payment.give_back", BEFORE)
    (await world.http.post(f"/v1/orders/{order_id}/return")).raise_for_status()
    await gate.wait_reached()
    await world.client.get_workflow_handle(return_id(order_id)).terminate("by mistake")
    world.gates.remove(return_id(order_id))
    told = await read_told(world, order_id)
    for said in told.sentences:
        assert "Returning it does not go on: the workflow is terminated" in said
        assert "It can be returned" not in said
    assert 'is-blocked">needs attention' in told.page
    await until(lambda: needs_attention(world, return_id(order_id)))
    await audited(world)
    await gate.open()
