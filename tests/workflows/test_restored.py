"""The audit after a restore: Temporal says how an order ended, and the services do not know it.

What a database lost is taken out of it by hand: a barrier's row, the event, and what they changed.
"""

import pytest

from activities import saga_recovery
from contracts.names import workflow_id
from contracts.orphans import Orphan, Remedy, Why
from tests.support.gates import BEFORE
from tests.support.ledgers import execute
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited
from tests.workflows.test_blocked import blocked_sale, resolve

DECLINED = "pm_card_visa_chargeDeclined"


async def ended(world: World, method: str, status: str) -> tuple[str, str]:
    """An order that has come to its end: its id and its SKU."""
    sku = await world.product()
    order_id = await world.place(sku, method=method)
    await world.settled(order_id, sku, status)
    return order_id, sku


async def open_again(world: World, order_id: str, lost: str) -> None:
    """The order database from before this event, which was the order's last."""
    url, saga_id = world.databases.order_database_url, workflow_id(order_id)
    step = {"OrderConfirmed": "confirm_order"}.get(lost, "create_order")
    op = "action" if lost == "OrderConfirmed" else "compensation"
    its = {"saga": saga_id, "step": step, "op": op}
    gone = "DELETE FROM barrier WHERE saga_id = :saga AND step = :step AND op = :op"
    await execute(url, gone, **its)
    undone = "UPDATE barrier SET state = 'done' WHERE saga_id = :saga AND state = 'compensated'"
    await execute(url, undone, saga=saga_id)
    event = "DELETE FROM events WHERE stream_id = :its AND type = :lost"
    await execute(url, event, its=order_id, lost=lost)
    row = "UPDATE orders SET status = 'pending', version = version - 1 WHERE id = :its"
    await execute(url, row, its=order_id)


async def not_sold(world: World, order_id: str, sku: str) -> None:
    """The inventory's database from before the order's last step."""
    url = world.databases.inventory_database_url
    gone = "DELETE FROM barrier WHERE saga_id = :saga AND step = 'commit_inventory'"
    await execute(url, gone, saga=workflow_id(order_id))
    held = "UPDATE products SET reserved = sold, sold = 0 WHERE sku = :sku"
    await execute(url, held, sku=sku)


async def carried_on(world: World, order_id: str) -> list[tuple[str, str | None]]:
    """What the audit found of this order, and what became of it; it finds nothing again."""
    report = await audited(world)
    again = await audited(world)
    assert order_id not in {orphan.order_id for orphan in again.orphans}
    return [
        (str(repair.orphan.why), repair.status)
        for repair in report.repaired
        if repair.orphan.order_id == order_id
    ]


async def test_a_confirmed_order_that_is_open_again_is_confirmed_again(world: World) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await open_again(world, order_id, "OrderConfirmed")
    assert (await world.order(order_id)).status == "pending"
    assert await carried_on(world, order_id) == [("ended", "confirmed")]
    await world.settled(order_id, sku, "confirmed")


async def test_a_repair_that_is_tried_again_does_not_cancel_what_it_had_begun(
    world: World,
) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await open_again(world, order_id, "OrderConfirmed")
    saga_id = workflow_id(order_id)
    gate = world.gates.close(saga_id, "payment.charge", BEFORE)
    orphan = Orphan(saga_id=saga_id, order_id=order_id, why=Why.ENDED, remedy=Remedy.FINISH)
    repairing = saga_recovery.Repairs(world.client, world.services.orders)
    assert await repairing.carry_on(orphan)
    await gate.wait_reached()

    async def tells_of_it() -> bool:
        """Its task has ended, so that a signal is heard before the step goes on."""
        return bool((await world.handle(order_id).describe()).raw_description.pending_activities)

    await until(tells_of_it)
    assert not await repairing.carry_on(orphan)
    world.gates.remove(saga_id)
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_stock_that_is_held_again_is_sold_again(world: World) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await not_sold(world, order_id, sku)
    assert (await world.stock(sku))[1:] == (2, 0)
    assert await carried_on(world, order_id) == [("ended", "confirmed")]
    await world.settled(order_id, sku, "confirmed")


async def test_an_undone_order_that_is_open_again_is_undone_again(world: World) -> None:
    order_id, sku = await ended(world, DECLINED, "rejected")
    await open_again(world, order_id, "OrderRejected")
    assert await carried_on(world, order_id) == [("ended", "rejected")]
    order = await world.settled(order_id, sku, "rejected")
    assert order.reason is not None
    assert order.reason.code == "generic_decline"


async def test_what_an_operator_did_by_hand_is_not_done_again(world: World) -> None:
    order_id, sku = await blocked_sale(world)
    word = {"action": "mark_done", "evidence": "sold in the old system"}
    assert await resolve(world, order_id, "commit_inventory", **word) == 202
    await world.sagas_end(order_id)
    assert (await world.stock(sku))[1:] == (2, 0)
    assert await carried_on(world, order_id) == []


@pytest.mark.parametrize("method", ["pm_card_visa", DECLINED])
async def test_an_order_that_has_ended_everywhere_is_left_alone(world: World, method: str) -> None:
    order_id, _ = await ended(world, method, "confirmed" if method != DECLINED else "rejected")
    assert await carried_on(world, order_id) == []
