"""How orders end: by the answers of real services, checked in their rows and the ledger."""

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus

from contracts.workflow_io import OrderOutcome
from tests.support.world import World


async def test_an_order_is_confirmed_charged_and_its_stock_sold(world: World) -> None:
    sku = await world.product(stock=10, minor=250)
    order_id = await world.place(sku, quantity=3)
    order = await world.settled(order_id, sku, "confirmed")
    assert order.total.minor == 750
    assert await world.handle(order_id).result() == OrderOutcome(
        order_id=order_id, status=order.status
    )


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_unknown", "resource_missing"),
    ],
)
async def test_a_refused_card_rejects_the_order_and_releases_the_stock(
    world: World, method: str, code: str
) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method=method)
    order = await world.settled(order_id, sku, "rejected")
    assert order.reason is not None
    assert order.reason.code == code


async def test_too_little_stock_rejects_the_order_before_any_charge(world: World) -> None:
    sku = await world.product(stock=1)
    order = await world.settled(await world.place(sku, quantity=2), sku, "rejected")
    assert order.reason is not None
    assert order.reason.code == "out_of_stock"


async def test_an_inactive_user_is_rejected(world: World) -> None:
    sku = await world.product()
    user = await world.user(active=False)
    order = await world.settled(await world.place(sku, user=user), sku, "rejected")
    assert order.reason is not None
    assert order.reason.code == "user_inactive"


@pytest.mark.parametrize("method", ["pm_sandbox_reply_lost", "pm_sandbox_processing"])
async def test_a_provider_whose_answer_is_not_known_at_once_charges_once(
    world: World, method: str
) -> None:
    sku = await world.product()
    await world.settled(await world.place(sku, method=method), sku, "confirmed")


async def test_an_order_in_a_currency_that_the_provider_counts_otherwise_is_paid_whole(
    world: World,
) -> None:
    order_id = await world.place(await world.product(minor=5, currency="ISK"), quantity=2)
    await world.sagas_end(order_id)
    order = await world.order(order_id)
    assert (order.status, order.total.format()) == ("confirmed", "10 ISK")
    assert await world.provider.fetch_moved(order_id) == (1000, 0)


async def test_a_rejected_order_completes_its_workflow_and_says_so_in_its_attributes(
    world: World,
) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    await world.settled(order_id, sku, "rejected")
    description = await world.handle(order_id).describe()
    assert description.status == WorkflowExecutionStatus.COMPLETED
    attributes = {
        attribute.key.name: attribute.value for attribute in description.typed_search_attributes
    }
    assert (
        attributes.items()
        >= {
            "OrderStatus": "rejected",
            "SagaState": "compensated",
            "SagaStep": "create_order",
        }.items()
    )
    assert "CustomerId" in attributes


async def test_the_saga_view_tells_every_step(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    await world.settled(order_id, sku, "rejected")
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    assert saga["state"] == "compensated"
    assert [(step["name"], step["state"], step["attempts"]) for step in saga["steps"]] == [
        ("create_order", "compensated", 1),
        ("validate_user", "done", 1),
        ("reserve_inventory", "compensated", 1),
        ("charge_payment", "compensated", 1),
        ("confirm_order", "skipped", 0),
        ("commit_inventory", "skipped", 0),
    ]
    undone = ["charge_payment", "reserve_inventory", "create_order"]
    assert [compensation["step"] for compensation in saga["compensations"]] == undone
    assert saga["steps"][3]["error"] == "Your card was declined."


async def test_fifty_orders_for_ten_pieces_sell_ten_and_charge_ten(world: World) -> None:
    sku, user = await world.product(stock=10), await world.user()
    orders = [await world.place(sku, user=user, quantity=1) for _ in range(50)]
    results = await asyncio.gather(*(world.handle(order).result() for order in orders))
    confirmed = [result.order_id for result in results if result.status == "confirmed"]
    assert len(confirmed) == 10
    assert {result.reason.code for result in results if result.reason} == {"out_of_stock"}
    assert await world.stock(sku) == (0, 0, 10)
    moved = [await world.provider.fetch_moved(order) for order in orders]
    assert sum(captured - refunded for captured, refunded in moved) == 10 * 500
