"""What an audit does about orders that are older than the provider's memory of a key."""

from contracts.names import workflow_id
from tests.audits.test_others import named
from tests.support.ledgers import audit_ledger, execute
from tests.support.world import World
from tests.workflows.test_restored import ended, not_sold


async def made_long_ago(world: World, order_id: str) -> None:
    """Its record, so that it need not be waited for."""
    earlier = "UPDATE orders SET created_at = created_at - interval '21 hours' WHERE id = :its"
    await execute(world.databases.order_database_url, earlier, its=order_id)


async def not_paid(world: World, order_id: str) -> None:
    """The payments' database from before the charge."""
    url = world.databases.payment_database_url
    its = {"its": workflow_id(order_id)}
    await execute(url, "DELETE FROM barrier WHERE saga_id = :its", **its)
    await execute(url, "DELETE FROM payments WHERE saga_id = :its", **its)


async def test_an_old_order_is_not_charged_again_but_its_payment_adopted_first(
    world: World,
) -> None:
    order_id, sku = await ended(world, "pm_card_visa", "confirmed")
    await made_long_ago(world, order_id)
    await not_sold(world, order_id, sku)
    await not_paid(world, order_id)
    report = await audit_ledger(world)
    (said,) = named(report, order_id)
    assert "its payment is not on record" in said.what
    assert [
        settlement.outcome
        for settlement in report.settled
        if settlement.discrepancy.order_id == order_id
    ] == ["adopted"]
    report = await audit_ledger(world)
    assert [repair.status for repair in report.repaired if repair.orphan.order_id == order_id] == [
        "confirmed"
    ]
    assert await world.provider.fetch_moved(order_id) == (1000, 0)
    await world.settled(order_id, sku, "confirmed")
