"""What others show to have been confirmed is finished by an audit, and never undone.

What a database lost is taken out of it by hand.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from activities.saga_recovery import Repairs
from contracts.names import return_id, workflow_id
from contracts.orphans import Orphan, Remedy, Why
from tests.api.test_idempotency import forget
from tests.audits.test_others import reset
from tests.support.gates import BEFORE, Gate
from tests.support.ledgers import execute
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited, seen_by_visibility
from tests.workflows.test_restored import DECLINED, carried_on, ended, not_sold, open_again


@pytest.fixture(autouse=True)
def _by_queues(world: World) -> Iterator[None]:
    """So that a history tells of each step as it ends."""
    world.fast_path = False
    yield
    world.fast_path = True


async def seen_as_ended(world: World, saga_id: str) -> None:
    async def is_listed() -> bool:
        query = f"WorkflowId = '{saga_id}' AND ExecutionStatus = 'Completed'"
        return (await world.client.count_workflows(query)).count > 0

    await until(is_listed)


async def test_an_order_that_was_confirmed_is_not_undone_though_its_customer_left(
    world: World,
) -> None:
    sku, user = await world.product(), await world.user()
    order_id = await world.place(sku, user=user)
    await world.settled(order_id, sku, "confirmed")
    await open_again(world, order_id, "OrderConfirmed")
    (await world.http.post(f"/v1/users/{user}/deactivate")).raise_for_status()
    assert await carried_on(world, order_id) == [("ended", "confirmed")]
    await world.settled(order_id, sku, "confirmed")


async def test_the_history_of_a_terminated_saga_tells_that_it_was_confirmed(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("inventory.commit", BEFORE)
    await world.handle(order_id).terminate("by mistake")
    world.gates.remove(workflow_id(order_id))
    await open_again(world, order_id, "OrderConfirmed")
    await seen_by_visibility(world, {workflow_id(order_id)})
    assert await carried_on(world, order_id) == [("terminated", "confirmed")]
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_sold_stock_tells_that_an_order_was_confirmed(world: World) -> None:
    """When its workflow is gone, too."""
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await open_again(world, order_id, "OrderConfirmed")
    await forget(world, order_id)
    assert await carried_on(world, order_id) == [("missing", "confirmed")]
    await world.settled(order_id, sku, "confirmed")


async def test_a_confirmed_order_without_a_record_is_recorded_again(world: World) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await seen_as_ended(world, workflow_id(order_id))
    await forgotten(world, order_id)
    assert await carried_on(world, order_id) == [("ended", "confirmed")]
    await world.settled(order_id, sku, "confirmed")


async def forgotten(world: World, order_id: str) -> None:
    """The order database from before the order."""
    url = world.databases.order_database_url
    of_saga = {"saga": workflow_id(order_id)}
    await execute(url, "DELETE FROM barrier WHERE saga_id = :saga", **of_saga)
    await execute(url, "DELETE FROM events WHERE stream_id = :its", its=order_id)
    await execute(url, "DELETE FROM orders WHERE id = :its", its=order_id)


async def restored(world: World) -> None:
    """All orders are of a time before the order database was restored."""
    await execute(world.databases.order_database_url, "UPDATE event_epochs SET database = 'gone'")


async def pending_again(world: World, order_id: str) -> None:
    """The order database from between the order's placing and its confirmation."""
    await open_again(world, order_id, "OrderConfirmed")
    await restored(world)


@pytest.mark.parametrize("lose", [forgotten, pending_again])
async def test_an_order_that_may_have_been_confirmed_unseen_is_named_and_can_be_finished(
    world: World, lose: Callable[[World, str], Awaitable[None]]
) -> None:
    """Its workflow's first task was ended with all that it did, and its database has lost it."""
    world.fast_path = True
    order_id, sku, gate = await world.stopped_at("inventory.commit", BEFORE)
    await world.handle(order_id).terminate("by mistake")
    saga_id = workflow_id(order_id)
    world.gates.remove(saga_id)
    total = (await world.order(order_id)).total.minor
    await lose(world, order_id)
    await seen_by_visibility(world, {saga_id})
    report = await audited(world)
    (orphan,) = [saga for saga in report.orphans if saga.saga_id == saga_id]
    assert (orphan.why, orphan.remedy) == (Why.CONTRADICTED, Remedy.REPORT)
    assert "nothing tells whether it was confirmed" in orphan.way_out
    assert await world.provider.fetch_moved(order_id) == (total, 0)
    await gate.open()
    await reset(world, saga_id)
    await world.settled(order_id, sku, "confirmed")


async def test_an_order_whose_record_is_whole_is_undone_though_its_task_was_ended(
    world: World,
) -> None:
    world.fast_path = True
    await restored(world)
    order_id, sku, gate = await world.stopped_at("order.confirm", BEFORE)
    await world.handle(order_id).terminate("by mistake")
    world.gates.remove(workflow_id(order_id))
    await seen_by_visibility(world, {workflow_id(order_id)})
    assert await carried_on(world, order_id) == [("terminated", "cancelled")]
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


async def test_stock_that_a_restored_inventory_has_again_is_sold_again(world: World) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    url = world.databases.inventory_database_url
    await execute(url, "DELETE FROM barrier WHERE saga_id = :its", its=workflow_id(order_id))
    back = "UPDATE products SET available = available + sold, sold = 0 WHERE sku = :its"
    await execute(url, back, its=sku)
    assert await carried_on(world, order_id) == [("ended", "confirmed")]
    await world.settled(order_id, sku, "confirmed")


async def held_again(world: World, order_id: str, sku: str) -> None:
    """The inventory's database from before the order's stock was released."""
    url = world.databases.inventory_database_url
    its = {"its": workflow_id(order_id)}
    gone = "DELETE FROM barrier WHERE saga_id = :its AND op = 'compensation'"
    await execute(url, gone, **its)
    await execute(url, "UPDATE barrier SET state = 'done' WHERE saga_id = :its", **its)
    held = "UPDATE products SET available = available - 2, reserved = 2 WHERE sku = :sku"
    await execute(url, held, sku=sku)


async def test_stock_of_a_rejected_order_that_is_held_again_is_released_again(
    world: World,
) -> None:
    order_id, sku = await ended(world, DECLINED, "rejected")
    await held_again(world, order_id, sku)
    assert await carried_on(world, order_id) == [("ended", "rejected")]
    await world.settled(order_id, sku, "rejected")


async def test_a_return_that_the_record_forgot_is_recorded_again(world: World) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await world.http.post(f"/v1/orders/{order_id}/return")
    saga_id = return_id(order_id)
    await world.client.get_workflow_handle(saga_id).result()
    await seen_as_ended(world, saga_id)
    url = world.databases.order_database_url
    await execute(url, "DELETE FROM barrier WHERE saga_id = :its", its=saga_id)
    gone = "DELETE FROM events WHERE stream_id = :its AND type LIKE 'OrderReturn%'"
    await execute(url, gone, its=order_id)
    back = "UPDATE orders SET status = 'confirmed', version = version - 2 WHERE id = :its"
    await execute(url, back, its=order_id)
    await audited(world)
    order = await world.order(order_id)
    assert order.status == "returned"
    await world.check_conserved(order, sku)


async def begun_and_terminated(world: World, order_id: str, begin: Callable[[], Any]) -> Gate:
    """A life of its saga that was terminated before its own history showed anything."""
    saga_id = workflow_id(order_id)
    gate = world.gates.close(saga_id, "order.create", BEFORE)
    await begin()
    await gate.wait_reached()
    await world.handle(order_id).terminate("by mistake")
    world.gates.remove(saga_id)
    return gate


async def test_a_terminated_life_that_was_to_finish_an_order_tells_that_it_was_confirmed(
    world: World,
) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await open_again(world, order_id, "OrderConfirmed")
    await not_sold(world, order_id, sku)
    saga_id = workflow_id(order_id)
    orphan = Orphan(saga_id=saga_id, order_id=order_id, why=Why.ENDED, remedy=Remedy.FINISH)
    repairing = Repairs(world.client, world.services.orders)
    gate = await begun_and_terminated(world, order_id, lambda: repairing.carry_on(orphan))
    await seen_by_visibility(world, {saga_id})
    assert await carried_on(world, order_id) == [("terminated", "confirmed")]
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_a_terminated_reset_does_not_hide_that_an_order_was_confirmed(world: World) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await open_again(world, order_id, "OrderConfirmed")
    await not_sold(world, order_id, sku)
    gate = await begun_and_terminated(world, order_id, lambda: reset(world, workflow_id(order_id)))
    await seen_by_visibility(world, {workflow_id(order_id)})
    assert await carried_on(world, order_id) == [("terminated", "confirmed")]
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
