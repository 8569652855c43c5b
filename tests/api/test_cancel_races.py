"""What an order becomes decides what a cancel is told, whatever else happens in that moment."""

import asyncio
import random

import httpx2
import pytest

from contracts.names import return_id, workflow_id
from saga import rejection
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World

ROUNDS = 150
AT_ONCE = 10
SEED = 20261129
DECLINED = "pm_card_visa_chargeDeclined"


async def by_temporal(world: World, order_id: str, way: str) -> None:
    if way == "signal":
        await world.handle(order_id).signal("cancel", {"reason": "by signal"})
    else:
        await world.handle(order_id).cancel()


async def is_true(world: World, order_id: str, answer: httpx2.Response) -> None:
    """The answer must be what the order comes to, and so must the status in its body."""
    await world.sagas_end(order_id)
    order = await world.order(order_id)
    said = answer.json()
    if answer.status_code in {200, 202}:
        assert order.status == "cancelled", (order, said)
        assert said["status"] in {"pending", "blocked", "cancelled"}
    else:
        assert (answer.status_code, said["code"]) == (409, "too_late_to_cancel"), said
        assert order.status != "cancelled", (order, said)
    captured, refunded = await world.provider.fetch_moved(order_id)
    assert captured == refunded


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast", "regular"])
@pytest.mark.parametrize("way", ["signal", "temporal"])
async def test_a_cancel_beside_a_refused_card_is_answered_by_what_the_order_becomes(
    world: World, way: str, *, fast_path: bool
) -> None:
    user, sku, dice = await world.user(), await world.product(stock=10_000), random.Random(SEED)
    turns = asyncio.Semaphore(AT_ONCE)
    delays = [(dice.uniform(0, 0.06), dice.uniform(0, 0.03)) for _ in range(ROUNDS // 4)]

    async def one(first: float, second: float) -> None:
        async with turns:
            world.fast_path = fast_path
            order_id = await world.place(sku, user=user, method=DECLINED)
            world.fast_path = True
            await asyncio.sleep(first)
            await by_temporal(world, order_id, way)
            await asyncio.sleep(second)
            answer = await world.http.post(f"/v1/orders/{order_id}/cancel")
            await is_true(world, order_id, answer)

    await asyncio.gather(*(one(*delay) for delay in delays))


@pytest.mark.parametrize("way", ["signal", "temporal"])
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize("activity", ["payment.charge", "payment.refund", "order.close"])
async def test_a_cancel_at_each_moment_of_a_refused_card_is_answered_by_what_the_order_becomes(
    world: World, activity: str, moment: str, way: str
) -> None:
    """The attempt is held up in its last moment, so its workflow's task may be lost with it."""
    sku, order_id = await world.product(), world.next_order_id()
    if (activity, moment) == ("payment.charge", AFTER):
        pytest.skip("a refusal has no moment after it")
    gate = world.gates.close(workflow_id(order_id), activity, moment)
    await world.place(sku, method=DECLINED)
    await gate.wait_reached()
    await by_temporal(world, order_id, way)
    asked = asyncio.create_task(world.http.post(f"/v1/orders/{order_id}/cancel"))
    await asyncio.sleep(0.2)
    await gate.open()
    await is_true(world, order_id, await asked)


async def test_a_cancel_by_rest_after_one_by_temporal_is_told_that_it_will_be_cancelled(
    world: World,
) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    world.gates.refuse(workflow_id(order_id), "inventory.release", rejection("no", "not now"))
    await world.handle(order_id).cancel()

    async def blocked() -> bool:
        return (await world.order(order_id)).status == "blocked"

    await until(blocked)
    answer = await world.http.post(f"/v1/orders/{order_id}/cancel")
    assert answer.status_code == 202, answer.text
    world.gates.allow(workflow_id(order_id))
    path = f"/v1/sagas/{workflow_id(order_id)}/steps/reserve_inventory/resolve"
    assert (await world.http.post(path, json={"action": "retry"})).status_code == 202
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


async def test_a_return_whose_workflow_was_terminated_is_not_said_to_be_under_way(
    world: World,
) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    gate = world.gates.close(return_id(order_id), "order.begin_return", BEFORE)
    asked = await world.http.post(f"/v1/orders/{order_id}/return")
    assert asked.status_code == 202
    await gate.wait_reached()
    again = await world.http.post(f"/v1/orders/{order_id}/return")
    assert again.status_code == 202
    await world.client.get_workflow_handle(return_id(order_id)).terminate("by mistake")
    over = await world.http.post(f"/v1/orders/{order_id}/return")
    assert (over.status_code, over.json()["code"]) == (409, "saga_terminated")
    world.gates.remove(return_id(order_id))
    await gate.open()
