"""Returns of confirmed orders: beginning one, stopping it, and what must be true at its end."""

import asyncio
import contextlib
from typing import Any

from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)

from contracts.names import return_id
from contracts.orders import Order
from contracts.workflow_io import CancelOrder, ReturnOutcome
from tests.support.gates import Gate
from tests.support.world import SETTLE, World
from workflows.return_order import ReturnOrder

RETURN_EVENTS = ["OrderReturnStarted", "OrderReturned"]
Handle = WorkflowHandle[ReturnOrder, ReturnOutcome]


async def confirmed(world: World, **options: Any) -> tuple[Order, str]:
    """A confirmed order whose stock is sold: (order, SKU)."""
    sku = await world.product()
    return await world.settled(await world.place(sku, **options), sku, "confirmed"), sku


async def ask(world: World, order: Order) -> int:
    """Ask for the return by REST; the answer's status."""
    return (await world.http.post(f"/v1/orders/{order.id}/return")).status_code


def handle(world: World, order: Order, attempt: int = 1) -> Handle:
    """The workflow of an attempt."""
    return world.client.get_workflow_handle_for(ReturnOrder.run, return_id(order.id, attempt))


async def ended(world: World, order: Order, attempt: int = 1) -> WorkflowExecutionStatus | None:
    """Wait for the attempt's end; how Temporal says that it ended."""
    async with asyncio.timeout(SETTLE):
        with contextlib.suppress(WorkflowFailureError):  # of one that ended as Canceled
            await handle(world, order, attempt).result()
    return (await handle(world, order, attempt).describe()).status


async def types(world: World, order: Order) -> list[str]:
    """The events of the order, from its confirmation on."""
    events = await world.rest_items(f"/v1/orders/{order.id}/events")
    names = [event["type"] for event in events]
    return names[names.index("OrderConfirmed") + 1 :]


async def is_returned(world: World, order: Order, sku: str) -> None:
    """All is back, once, and every book says so."""
    now = await world.order(order.id)
    assert now.status == "returned"
    assert await world.stock(sku) == (100, 0, 0)
    assert await world.provider.fetch_moved(order.id) == (order.total.minor, order.total.minor)
    assert (await world.rest(f"/v1/payments/{order.id}"))["status"] == "refunded"
    assert [kind for kind in await types(world, order) if "Return" in kind][-2:] == RETURN_EVENTS


async def is_as_before(world: World, order: Order, sku: str) -> None:
    """Plainly confirmed: money, stock and status are untouched."""
    now = await world.order(order.id)
    assert (now.status, now.reason) == ("confirmed", None)
    await world.check_conserved(now, sku)
    assert (await world.rest(f"/v1/payments/{order.id}"))["status"] == "captured"


async def stopped_at(world: World, activity: str, moment: str) -> tuple[Order, str, Gate]:
    """An order whose return stands at this point."""
    order, sku = await confirmed(world)
    gate = world.gates.close(return_id(order.id), activity, moment)
    assert await ask(world, order) == 202
    await gate.wait_reached()
    return order, sku, gate


async def cancel(world: World, order: Order, way: str) -> bool:
    """Ask for a cancel; False if the answer is that it is too late."""
    if way == "temporal":
        await handle(world, order).cancel()
        return True
    try:
        await handle(world, order).execute_update(ReturnOrder.cancel, CancelOrder())
    except WorkflowUpdateFailedError:
        return False
    return True
