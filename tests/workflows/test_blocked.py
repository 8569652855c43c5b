"""A blocked order: visible everywhere, resolved by REST, and on record with who and why."""

import asyncio
from typing import Any

import pytest

from contracts.names import return_id, workflow_id
from saga import rejection
from tests.sandbox.process import fill_balance
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.world import World


async def blocked_refund(world: World, *, quantity: int = 2) -> tuple[str, str]:
    """An order whose refund is refused: (order id, SKU). It was out of luck at the confirmation."""
    sku, order_id = await world.product(), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), "order.confirm", rejection("no", "refused"))
    world.gates.refuse(workflow_id(order_id), "payment.refund", rejection("no_refund", "the bank"))
    await world.place(sku, quantity=quantity)
    await until(lambda: is_blocked(world, order_id))
    return order_id, sku


async def is_blocked(world: World, order_id: str) -> bool:
    return bool((await world.rest(f"/v1/orders/{order_id}"))["status"] == "blocked")


async def resolve(world: World, order_id: str, step: str, **body: Any) -> int:
    path = f"/v1/sagas/{workflow_id(order_id)}/steps/{step}/resolve"
    return (await world.http.post(path, json=body)).status_code


async def test_a_blocked_order_shows_everywhere_while_the_rest_is_undone(world: World) -> None:
    order_id, sku = await blocked_refund(world)
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    assert saga["state"] == "blocked"
    states = {step["name"]: step["state"] for step in saga["steps"]}
    assert states["charge_payment"] == "blocked"

    async def stock_is_back() -> bool:
        return await world.stock(sku) == (100, 0, 0)

    await until(stock_is_back)  # past the blocked refund

    async def listed() -> bool:
        found = await world.rest_items("/v1/sagas?state=blocked")
        return workflow_id(order_id) in {row["saga_id"] for row in found}

    await until(listed)
    world.gates.allow(workflow_id(order_id))
    assert await resolve(world, order_id, "charge_payment", action="retry") == 202
    await world.settled(order_id, sku, "rejected")


async def test_a_refund_that_the_provider_refused_is_made_by_the_retry_that_an_operator_asks_for(
    world: World,
) -> None:
    """The provider keeps its refusal under the request's key, as Stripe does for a day."""
    sku, order_id = await world.product(), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), "order.confirm", rejection("no", "refused"))
    await world.place(sku, method="pm_sandbox_return_refused")
    await until(lambda: is_blocked(world, order_id))
    assert await world.provider.fetch_moved(order_id) == (1000, 0)
    fill_balance(world.provider.database)
    assert await resolve(world, order_id, "charge_payment", action="retry") == 202
    await world.settled(order_id, sku, "rejected")
    assert await world.provider.fetch_moved(order_id) == (1000, 1000)


async def test_a_return_whose_refund_was_refused_is_finished_by_a_retry(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_return_refused")
    await world.settled(order_id, sku, "confirmed")
    assert (await world.http.post(f"/v1/orders/{order_id}/return")).status_code == 202

    async def blocked() -> bool:
        return bool((await world.rest(f"/v1/orders/{order_id}/return"))["state"] == "blocked")

    await until(blocked)
    fill_balance(world.provider.database)
    path = f"/v1/sagas/{return_id(order_id)}/steps/refund_payment/resolve"
    assert (await world.http.post(path, json={"action": "retry"})).status_code == 202
    async with asyncio.timeout(30):
        await world.client.get_workflow_handle(return_id(order_id)).result()
    assert (await world.order(order_id)).status == "returned"
    assert await world.provider.fetch_moved(order_id) == (1000, 1000)


async def test_who_resolved_what_and_why_is_in_the_orders_history(world: World) -> None:
    order_id, _ = await blocked_refund(world)
    word = {"action": "mark_done", "evidence": "refunded by hand, bank slip 12"}
    assert await resolve(world, order_id, "charge_payment", **word) == 202
    await world.handle(order_id).result()
    events = await world.rest_items(f"/v1/orders/{order_id}/events")
    assert [event["type"] for event in events][-3:] == [
        "StepBlocked",
        "StepUnblocked",
        "OrderRejected",
    ]
    noted = events[-2]["data"]
    assert noted.items() >= {"step": "charge_payment", "who": OPERATOR, **word}.items()
    assert (await world.order(order_id)).status == "rejected"


@pytest.mark.parametrize(
    ("step", "body", "status"),
    [
        ("reserve_inventory", {"action": "retry"}, 409),
        ("charge_payment", {"action": "skip"}, 422),
        ("charge_payment", {"action": "forget"}, 422),
    ],
)
async def test_a_word_that_does_not_apply_is_refused(
    world: World, step: str, body: dict[str, str], status: int
) -> None:
    order_id, sku = await blocked_refund(world)
    assert await resolve(world, order_id, step, **body) == status
    world.gates.allow(workflow_id(order_id))
    assert await resolve(world, order_id, "charge_payment", action="retry") == 202
    await world.settled(order_id, sku, "rejected")


async def test_a_closing_that_an_operator_does_by_hand_ends_the_saga(world: World) -> None:
    sku, order_id = await world.product(stock=1), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), "order.close", rejection("no", "refused"))
    await world.place(sku, quantity=2)
    await until(lambda: is_blocked(world, order_id))
    word = {"action": "mark_done", "evidence": "closed in the old system"}
    assert await resolve(world, order_id, "create_order", **word) == 202
    result = await world.handle(order_id).result()
    assert result.reason is not None
    assert (result.status, result.reason.code) == ("rejected", "out_of_stock")


async def test_resolving_an_unknown_saga_is_not_found(world: World) -> None:
    assert await resolve(world, "ord_nope", "charge_payment", action="retry") == 404


async def test_of_a_saga_that_has_ended_no_step_waits_for_a_word(world: World) -> None:
    order_id = await world.place(await world.product())
    await world.handle(order_id).result()
    path = f"/v1/sagas/{workflow_id(order_id)}/steps/charge_payment/resolve"
    refused = await world.http.post(path, json={"action": "retry"})
    assert (refused.status_code, refused.json()["code"]) == (409, "step_not_blocked")
    assert "has ended" in refused.json()["detail"]


async def blocked_sale(world: World) -> tuple[str, str]:
    """A confirmed order whose stock is not sold, as that is refused: (order id, SKU)."""
    sku, order_id = await world.product(), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), "inventory.commit", rejection("no", "refused"))
    await world.place(sku)

    async def blocked() -> bool:
        return bool((await world.rest(f"/v1/orders/{order_id}/saga"))["state"] == "blocked")

    await until(blocked)
    return order_id, sku


async def test_a_confirmed_order_whose_stock_is_not_committed_stays_confirmed_and_blocked(
    world: World,
) -> None:
    order_id, sku = await blocked_sale(world)
    assert (await world.rest(f"/v1/orders/{order_id}"))["status"] == "confirmed"
    assert (await world.http.post(f"/v1/orders/{order_id}/cancel")).status_code == 409
    world.gates.allow(workflow_id(order_id))
    assert await resolve(world, order_id, "commit_inventory", action="retry") == 202
    await world.settled(order_id, sku, "confirmed")
