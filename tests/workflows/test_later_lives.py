"""A later life of an order's saga: what was binding, and what was said, stands in it."""

import pytest

from contracts.names import Queue, workflow_id
from contracts.workflow_io import PlaceOrderInput, Undo
from saga import Resolution, Resolving, rejection
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World
from workflows.place_order import PlaceOrder

AUDIT = Undo(code="cancelled_by_audit", detail="its workflow was ended before it was done")


async def begin_again(world: World, order_id: str, *, undo: bool = True) -> None:
    """Start the saga again under its id, as the audit does."""
    command = await world.services.orders.command(order_id)
    lived = {"fast_path": True, "earlier_life": True, "undo": AUDIT if undo else None}
    await world.client.start_workflow(
        PlaceOrder.run,
        PlaceOrderInput(**dict(command) | lived),
        id=workflow_id(order_id),
        task_queue=Queue.ORDERS,
    )


@pytest.mark.parametrize("undo", [True, False], ids=["to be undone", "to go on"])
async def test_a_customer_who_closes_the_account_does_not_hold_up_what_was_confirmed(
    world: World, *, undo: bool
) -> None:
    """`validate_user` refused, and was asked again for ever: the stock was never sold."""
    order_id, sku, gate = await world.stopped_at("inventory.commit", BEFORE)
    order = await world.order(order_id)
    assert order.status == "confirmed"
    await world.handle(order_id).terminate("a test")
    await world.services.users.deactivate(order.customer_id)
    world.gates.remove(workflow_id(order_id))
    await begin_again(world, order_id, undo=undo)
    await world.settled(order_id, sku, "confirmed")
    await gate.open()


async def test_what_was_done_by_hand_is_not_done_again_in_the_next_life(world: World) -> None:
    """The customer had the money back by hand, and the next life would have paid once more."""
    order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
    saga_id = workflow_id(order_id)
    world.gates.refuse(saga_id, "payment.refund", rejection("refund_refused", "not now"))
    world.gates.refuse(saga_id, "inventory.release", rejection("shelf_locked", "not now"))

    async def on_its_queue() -> bool:  # a signal would be too late while it is on the fast path
        described = await world.handle(order_id).describe()
        return bool(described.raw_description.pending_activities)

    await until(on_its_queue)
    await world.handle(order_id).signal("cancel")
    await gate.open()

    async def blocked() -> bool:
        view = await world.handle(order_id).query(PlaceOrder.saga)
        return sum(step.state == "blocked" for step in view.steps) == 2

    await until(blocked)
    paid = Resolution("charge_payment", Resolving.MARK_DONE, "paid by bank transfer 17", "ada")
    await world.handle(order_id).execute_update(PlaceOrder.resolve, paid)
    await world.handle(order_id).terminate("right after the answer")
    world.gates.allow(saga_id)
    await begin_again(world, order_id)
    await world.sagas_end(order_id)
    order = await world.order(order_id)
    assert order.status == "cancelled"
    assert await world.stock(sku) == (100, 0, 0)
    captured, refunded = await world.provider.fetch_moved(order_id)
    assert (captured, refunded) == (order.total.minor, 0), "the provider paid beside the bank"
    said = [event.data for event in await world.services.orders.history(order_id)]
    words = [data for data in said if data.get("action") == "mark_done"]
    assert [(data["evidence"], data["who"]) for data in words] == [(paid.evidence, "ada")]
