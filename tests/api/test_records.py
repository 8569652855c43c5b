"""What the services have on record of a saga, for operators: it outlives Temporal's history."""

from contracts.names import workflow_id
from tests.support.world import World


async def records(world: World, order_id: str) -> list[tuple[str, str, str, str]]:
    found = await world.rest_items(f"/v1/sagas/{workflow_id(order_id)}/records")
    return [(row["service"], row["step"], row["op"], row["state"]) for row in found]


async def test_a_confirmed_order_has_one_effect_a_step(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    assert await records(world, order_id) == [
        ("order", "create_order", "action", "done"),
        ("inventory", "reserve_inventory", "action", "done"),
        ("payment", "charge_payment", "action", "done"),
        ("order", "confirm_order", "action", "done"),
        ("inventory", "commit_inventory", "action", "done"),
    ]


async def test_a_rejected_order_shows_what_was_undone_and_what_is_refused_for_good(
    world: World,
) -> None:
    sku = await world.product(stock=1)
    order_id = await world.place(sku, quantity=2)
    await world.settled(order_id, sku, "rejected")
    found = await records(world, order_id)
    assert ("order", "create_order", "action", "compensated") in found
    assert ("order", "create_order", "compensation", "done") in found
    assert ("inventory", "reserve_inventory", "action", "tombstone") in found
    assert ("order", "confirm_order", "action", "tombstone") in found


async def test_a_saga_that_never_was_has_no_records(world: World) -> None:
    assert await world.rest_items("/v1/sagas/order-ord_nope/records") == []
