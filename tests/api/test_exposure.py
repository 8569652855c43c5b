"""What is at stake is told while it is, and no longer."""

from typing import Any

from api.orders.exposure import SagaCost
from tests.support.gates import AFTER
from tests.support.waiting import until
from tests.support.world import World

CURRENCY = "CHF"  # of no other test, since the figures are of all orders


async def money(world: World) -> dict[str, Any] | None:
    found = (await world.rest("/v1/exposure"))["money"]
    return next((row for row in found if row["currency"] == CURRENCY), None)


async def test_money_and_stock_of_an_order_are_at_stake_until_it_ends(world: World) -> None:
    assert await money(world) is None
    sku, user = await world.product(currency=CURRENCY, minor=700), await world.user()
    order_id = world.next_order_id()
    gate = world.gates.close(f"order-{order_id}", "payment.charge", AFTER)
    await world.place(sku, user=user)
    await gate.wait_reached()
    found = await money(world)
    assert found is not None
    assert (found["minor"], found["orders"]) == (1400, 1)
    assert 0 <= found["oldest_seconds"] < 60
    stock = (await world.rest("/v1/exposure"))["stock"]
    assert stock["pieces"] >= 2
    assert stock["orders"] >= 1
    assert stock["oldest_seconds"] >= stock["mean_seconds"] > 0
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    assert await money(world) is None


async def test_what_sagas_cost_is_told_by_how_they_ended(world: World) -> None:
    for method, outcome in (
        ("pm_card_visa", "confirmed"),
        ("pm_card_visa_chargeDeclined", "rejected"),
    ):
        sku = await world.product()
        await world.settled(await world.place(sku, method=method), sku, outcome)

    async def both() -> bool:
        costs = (await world.rest("/v1/exposure"))["costs"]
        return {("PlaceOrder", "confirmed"), ("PlaceOrder", "rejected")} <= {
            (cost["saga"], cost["outcome"]) for cost in costs
        }

    await until(both)
    costs = [SagaCost(**item) for item in (await world.rest("/v1/exposure"))["costs"]]
    found = {item.outcome: item for item in costs if item.saga == "PlaceOrder"}
    for cost in (found["confirmed"], found["rejected"]):
        assert cost.sagas >= 1
        assert cost.history_events >= 5
        assert cost.history_bytes > 500
        assert cost.attempts >= 4
        assert 0 < cost.seconds <= cost.longest_seconds
