"""Two installations beside each other, on one account of the payment provider.

Each has its own databases and its own Temporal. Their orders may have the same ids: an id is made
of the caller and the Idempotency-Key, and both may be the same.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts.names import workflow_id
from tests.support.databases import Server
from tests.support.gates import AFTER, Gate
from tests.support.world import World, running_world
from tests.workflows.test_audit import audited, seen_by_visibility

pytestmark = pytest.mark.restore

TOTAL = 1000


@pytest_asyncio.fixture(scope="module")
async def other(
    server: Server, world: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Another installation with the first one's provider."""
    folder, databases = tmp_path_factory.mktemp("other"), await server.databases()
    async with running_world(folder, databases, provider=world.provider) as running:
        yield running


async def confirmed(world: World) -> str:
    """The id of a new order."""
    order_id = await world.place(await world.product())
    await world.sagas_end(order_id)
    assert (await world.order(order_id)).status == "confirmed"
    return order_id


async def charged_and_terminated(world: World) -> tuple[str, Gate]:
    """An order that its own audit must undo, and the gate at which its late attempt stands."""
    order_id, _, gate = await world.stopped_at("payment.charge", AFTER)
    await world.handle(order_id).terminate("by mistake")
    world.gates.remove(workflow_id(order_id))
    await seen_by_visibility(world, {workflow_id(order_id)})
    return order_id, gate


async def test_neither_audit_touches_the_others_money(world: World, other: World) -> None:
    other.placed = world.placed + 1000  # other ids, as of other customers
    kept = [await confirmed(one) for one in (world, other)]
    lost = [await charged_and_terminated(one) for one in (world, other)]
    for number, one in enumerate((world, other)):
        told = (await audited(one)).model_dump_json()
        lost_id, gate = lost[number]
        assert lost_id in told
        await gate.open()  # too late: it is undone
        assert kept[1 - number] not in told
        assert await world.provider.fetch_moved(kept[1 - number]) == (TOTAL, 0)
    for number, one in enumerate((world, other)):
        assert await world.provider.fetch_moved(kept[number]) == (TOTAL, 0)
        lost_id, _ = lost[number]
        assert await world.provider.fetch_moved(lost_id) == (TOTAL, TOTAL)
        assert (await one.order(lost_id)).status == "cancelled"


async def test_orders_of_the_same_id_are_paid_each_for_itself(world: World, other: World) -> None:
    other.placed = world.placed
    order_id = await confirmed(world)
    assert await confirmed(other) == order_id
    assert await world.provider.fetch_moved(order_id) == (2 * TOTAL, 0)
    for one in (world, other):
        await audited(one)
    assert await world.provider.fetch_moved(order_id) == (2 * TOTAL, 0)
    assert (await world.http.post(f"/v1/orders/{order_id}/return")).status_code == 202
    await world.client.get_workflow_handle(f"return-{order_id}").result()
    assert (await world.order(order_id)).status == "returned"
    assert (await other.order(order_id)).status == "confirmed"
    assert await world.provider.fetch_moved(order_id) == (2 * TOTAL, TOTAL)
