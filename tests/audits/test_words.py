"""What operators said is heeded by an audit, wherever it is on record."""

from contracts.names import workflow_id
from tests.audits.test_others import named
from tests.audits.test_restored_evidence import held_again
from tests.support.ledgers import execute
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited
from tests.workflows.test_blocked import blocked_refund, resolve
from tests.workflows.test_restored import carried_on, open_again

WORD = {"action": "mark_done", "evidence": "paid back at the counter"}


async def words_lost(world: World, order_id: str) -> None:
    """The order database from before somebody said something."""
    url = world.databases.order_database_url
    gone = "DELETE FROM barrier WHERE saga_id = :its AND step LIKE 'note%'"
    await execute(url, gone, its=workflow_id(order_id))
    gone = "DELETE FROM events WHERE stream_id = :its AND type LIKE 'Step%'"
    await execute(url, gone, its=order_id)
    row = (
        "UPDATE orders SET version ="
        " (SELECT count(*) FROM events WHERE stream_id = :its) WHERE id = :its"
    )
    await execute(url, row, its=order_id)


async def test_money_is_not_given_back_again_after_a_word_that_only_temporal_knows(
    world: World,
) -> None:
    order_id, _ = await blocked_refund(world)
    assert await resolve(world, order_id, "charge_payment", **WORD) == 202
    await world.sagas_end(order_id)
    world.gates.allow(workflow_id(order_id))
    await open_again(world, order_id, "OrderRejected")
    await words_lost(world, order_id)

    async def is_named() -> bool:
        return bool(named(await audited(world), order_id))

    await until(is_named)
    (said,) = named(await audited(world), order_id)
    assert f"{OPERATOR} said mark_done of charge_payment, on record of Temporal only" in said.what
    assert await world.provider.fetch_moved(order_id) == (1000, 0)
    assert (await world.order(order_id)).status == "pending"


async def test_a_word_on_one_step_does_not_hide_what_is_wrong_with_another(world: World) -> None:
    """The stock of a restored inventory is released again, and the money left as it is."""
    order_id, sku = await blocked_refund(world)
    assert await resolve(world, order_id, "charge_payment", **WORD) == 202
    await world.sagas_end(order_id)
    world.gates.allow(workflow_id(order_id))
    await held_again(world, order_id, sku)
    assert await carried_on(world, order_id) == [("ended", "rejected")]
    assert await world.stock(sku) == (100, 0, 0)
    assert await world.provider.fetch_moved(order_id) == (1000, 0)
