"""A customer has to authenticate a payment: what becomes of the order, and of the money."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.orders import ACTION_REQUIRED, Order
from contracts.payments import PaymentStatus
from tests.support.waiting import until
from tests.support.world import World, running_api
from workflows.order_saga import LOOK

METHOD = "pm_card_authenticationRequired"


async def waiting_order(world: World, method: str = METHOD) -> tuple[str, str]:
    """An order whose saga waits for the customer: (order id, SKU)."""
    sku = await world.product()
    order_id = await world.place(sku, method=method)
    await until_waiting(world, order_id)
    return order_id, sku


async def until_waiting(world: World, order_id: str) -> None:
    async def waits() -> bool:
        return bool((await world.rest(f"/v1/orders/{order_id}/saga"))["state"] == "waiting")

    await until(waits)


async def asked(world: World, order_id: str) -> list[dict[str, Any]]:
    """What the customer was asked, as it is in the order's history."""
    history = await world.services.orders.history(order_id)
    return [dict(event.data) for event in history if event.type == ACTION_REQUIRED]


async def ended(world: World, order_id: str, sku: str, status: str, code: str | None) -> Order:
    """The order at its end: for this reason, with nothing left to do, and told of it once."""
    order = await world.settled(order_id, sku, status)
    assert (order.reason and order.reason.code, order.next_action) == (code, None)
    assert len(await asked(world, order_id)) == 1
    return order


async def test_an_order_waits_for_its_customer_and_says_where_to_go(world: World) -> None:
    order_id, sku = await waiting_order(world)
    told = (await world.rest(f"/v1/orders/{order_id}"))["next_action"]
    (event,) = await asked(world, order_id)
    assert told == event
    assert told["url"].startswith(f"{world.provider.url}/authenticate/pi_")
    payment = await world.services.payments.for_order(order_id)
    assert payment.status is PaymentStatus.CREATED
    assert (await world.order(order_id)).status == "pending"
    assert await world.authenticate(order_id) == "succeeded"
    await world.handle(order_id).signal(LOOK)
    await ended(world, order_id, sku, "confirmed", None)


async def test_a_customer_who_fails_to_authenticate_has_the_order_rejected(world: World) -> None:
    order_id, sku = await waiting_order(world)
    await world.authenticate(order_id, "fail")
    await world.handle(order_id).signal(LOOK)
    code = "payment_intent_authentication_failure"
    await ended(world, order_id, sku, "rejected", code)


async def test_a_customer_who_authenticates_a_card_that_is_declined_is_rejected(
    world: World,
) -> None:
    order_id, sku = await waiting_order(world, "pm_card_threeDSecureRequiredChargeDeclined")
    await world.authenticate(order_id)
    await world.handle(order_id).signal(LOOK)
    await ended(world, order_id, sku, "rejected", "generic_decline")


async def test_hints_that_come_early_often_and_late_change_nothing(world: World) -> None:
    order_id, sku = await waiting_order(world)
    for _ in range(5):
        await world.handle(order_id).signal(LOOK)
    assert await world.authenticate(order_id) == "succeeded"
    assert await world.authenticate(order_id, "fail") == "succeeded"
    for _ in range(3):
        await world.handle(order_id).signal(LOOK)
    await ended(world, order_id, sku, "confirmed", None)


@asynccontextmanager
async def hurried(world: World, seconds: int) -> AsyncIterator[None]:
    """Customers have this long meanwhile."""
    api, fast = world.http, world.fast_path
    options = {"fast_path": fast, "authenticate_within": seconds}
    async with running_api(world.client, world.services, **options) as http:
        world.apis[fast] = http
        try:
            yield
        finally:
            world.apis[fast] = api


async def test_a_customer_who_does_not_come_has_the_order_undone_in_time(world: World) -> None:
    async with hurried(world, 2):
        order_id, sku = await waiting_order(world)
    await ended(world, order_id, sku, "timed_out", "authentication_expired")
    assert await world.authenticate(order_id) == "canceled"  # who comes now
    assert await world.provider.fetch_moved(order_id) == (0, 0)


async def test_one_who_authenticates_in_the_last_moment_without_a_hint_is_confirmed(
    world: World,
) -> None:
    async with hurried(world, 3):
        order_id, sku = await waiting_order(world)
    assert await world.authenticate(order_id) == "succeeded"
    await ended(world, order_id, sku, "confirmed", None)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_order_that_is_cancelled_while_it_waits_keeps_no_money(
    world: World, when: str
) -> None:
    order_id, sku = await waiting_order(world)
    if when == "before":
        assert await world.authenticate(order_id) == "succeeded"
    assert (await world.http.post(f"/v1/orders/{order_id}/cancel")).status_code in {200, 202}
    await ended(world, order_id, sku, "cancelled", "cancelled_by_operator")
    moved = await world.provider.fetch_moved(order_id)
    assert moved == ((1000, 1000) if when == "before" else (0, 0))
    if when == "after":
        assert await world.authenticate(order_id) == "canceled"
        assert await world.provider.fetch_moved(order_id) == (0, 0)


async def test_a_cancel_and_an_authentication_at_once_end_as_one_of_them(world: World) -> None:
    order_id, sku = await waiting_order(world)
    cancelling = world.http.post(f"/v1/orders/{order_id}/cancel")
    looking = world.handle(order_id).signal(LOOK)
    await asyncio.gather(cancelling, world.authenticate(order_id), looking)
    await world.sagas_end(order_id)
    order = await world.order(order_id)
    assert order.status in {"cancelled", "confirmed"}
    await world.check_conserved(order, sku)


async def test_an_order_from_before_is_declined_as_it_was(world: World) -> None:
    """Its command gives no time to authenticate, and the saga's input no field of it."""
    fast = world.fast_path
    api = world.http
    options = {"fast_path": fast, "authenticate_within": None}
    async with running_api(world.client, world.services, **options) as http:
        world.apis[fast] = http
        try:
            sku = await world.product()
            order_id = await world.place(sku, method=METHOD)
        finally:
            world.apis[fast] = api
    order = await world.settled(order_id, sku, "rejected")
    assert order.reason is not None
    assert order.reason.code == "authentication_required"
    assert await asked(world, order_id) == []
    placed = (await world.services.orders.history(order_id))[0]
    assert "authenticate_within" not in placed.data
