"""Steps that wait for an operator, and what becomes of the order by each word."""

import asyncio
from collections.abc import Awaitable, Callable

from contracts.names import return_id, workflow_id
from saga import rejection
from tests.story.incidents import Made
from tests.support.gates import BEFORE
from tests.support.returns import ask, confirmed, ended
from tests.support.waiting import until
from tests.support.world import SETTLE, World
from tests.workflows.test_temporal_cli import temporal

SLIP = "bank slip 12"
NO = rejection("no", "refused. Twice")
Make = Callable[[World], Awaitable[Made]]
# The activity that is refused, so that this step is blocked, of an order that cannot be confirmed.
UNDOING = {
    "charge_payment": "payment.refund",
    "reserve_inventory": "inventory.release",
    "create_order": "order.close",
}


def block(step: str, word: str = "") -> Make:
    """Placing it is blocked at this step; an operator says the word, if there is one."""

    async def make(world: World) -> Made:
        sku, user, order_id = await world.product(), await world.user(), world.next_order_id()
        saga_id = workflow_id(order_id)
        if step == "commit_inventory":
            world.gates.refuse(saga_id, "inventory.commit", NO)
        else:
            world.gates.refuse(saga_id, "order.confirm", NO)
            world.gates.refuse(saga_id, UNDOING[step], NO)
        await world.place(sku, user=user)
        await until(lambda: is_blocked(world, order_id, saga_id))
        return await _answer(world, Made(order_id, sku), saga_id, step, word)

    return make


def block_return(step: str, activity: str, word: str = "") -> Make:
    """Returning it is blocked at this step; an operator says the word, if there is one."""

    async def make(world: World) -> Made:
        order, sku = await confirmed(world)
        saga_id = return_id(order.id)
        world.gates.refuse(saga_id, activity, NO)
        assert await ask(world, order) == 202
        await until(lambda: is_blocked(world, order.id, saga_id))
        return await _answer(world, Made(order.id, sku), saga_id, step, word)

    return make


async def is_blocked(world: World, order_id: str, saga_id: str) -> bool:
    """Whether the saga is, and that is on record and found by it."""
    saga = await world.rest(f"/v1/sagas/{saga_id}")
    events = await world.rest_items(f"/v1/orders/{order_id}/events")
    listed = {row["saga_id"] for row in await world.rest_items("/v1/sagas?state=blocked&limit=500")}
    noted = "StepBlocked" in [event["type"] for event in events]
    return bool(saga["state"] == "blocked" and noted and saga_id in listed)


async def _answer(world: World, made: Made, saga_id: str, step: str, word: str) -> Made:
    """What it is after the word; without one it is blocked until it is let go."""

    async def release() -> None:
        world.gates.allow(saga_id)
        await _say(world, saga_id, step, "retry")

    if not word:
        return Made(made.order_id, made.sku, release)
    if word == "retry":
        world.gates.allow(saga_id)
    await _say(world, saga_id, step, word)
    return made


async def _say(world: World, saga_id: str, step: str, word: str) -> None:
    body = {"action": word, "evidence": SLIP}
    path = f"/v1/sagas/{saga_id}/steps/{step}/resolve"
    (await world.http.post(path, json=body)).raise_for_status()
    async with asyncio.timeout(SETTLE):
        await world.client.get_workflow_handle(saga_id).result()


async def give_back(world: World) -> Made:
    """It is returned."""
    order, sku = await confirmed(world)
    assert await ask(world, order) == 202
    await ended(world, order)
    return Made(order.id, sku)


async def keep_money(world: World) -> Made:
    """An operator skips the refund of a return, which has to go on: its refund had begun.

    So its fence says in a later life, in which the saga is told to be undone.
    """
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_return_refused")
    order = await world.settled(order_id, sku, "confirmed")
    saga_id = return_id(order_id)

    async def is_stuck() -> bool:
        return bool((await world.rest(f"/v1/orders/{order_id}/return"))["state"] == "blocked")

    await ask(world, order)
    await until(is_stuck)
    gate = world.gates.close(saga_id, "order.begin_return", BEFORE)
    which = ("-w", saga_id, "--type", "FirstWorkflowTask", "--reason", "a test")
    await temporal(world, "workflow", "reset", *which)
    await gate.wait_reached()
    await world.client.get_workflow_handle(saga_id).cancel()
    await gate.open()
    await until(is_stuck)
    await _say(world, saga_id, "refund_payment", "skip")
    return Made(order_id, sku)


async def refuse_return(world: World) -> Made:
    """There is nothing to give back, says the payment."""
    order, sku = await confirmed(world)
    world.gates.refuse(return_id(order.id), "payment.give_back", rejection("nothing", "no money"))
    assert await ask(world, order) == 202
    await ended(world, order)
    return Made(order.id, sku)


def stand_in_return(activity: str, moment: str = BEFORE, *, fate: str = "") -> Make:
    """Its return stands there, and is cancelled or terminated if that is its fate."""

    async def make(world: World) -> Made:
        order, sku = await confirmed(world)
        saga_id = return_id(order.id)
        gate = world.gates.close(saga_id, activity, moment)
        assert await ask(world, order) == 202
        await gate.wait_reached()
        handle = world.client.get_workflow_handle(saga_id)
        if fate == "cancelled":
            await handle.cancel()
            await ended(world, order)
        if fate == "terminated":
            await handle.terminate("by mistake")

        async def release() -> None:
            await gate.open()
            if not fate:
                await ended(world, order)

        return Made(order.id, sku, release)

    return make
