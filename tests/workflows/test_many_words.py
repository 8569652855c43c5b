"""However often an operator says "try again" of an order, it can still be resolved.

Temporal suggests another run from 4,096 events on; `tests/saga/test_many_words.py` goes past what
it takes at all.
"""

import asyncio

import pytest

from contracts.names import workflow_id
from saga import rejection
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_blocked import is_blocked, resolve

FEW, MANY = 20, 500
REFUND, RELEASE = "charge_payment", "reserve_inventory"
EVIDENCE = "pieces counted by hand, sheet 4"


async def refused_twice(world: World) -> tuple[str, str]:
    """An order whose refund and release are refused: (order id, SKU)."""
    sku, order_id = await world.product(), world.next_order_id()
    saga_id = workflow_id(order_id)
    for name in ("order.confirm", "payment.refund", "inventory.release"):
        world.gates.refuse(saga_id, name, rejection("no", f"{name} is refused"))
    await world.place(sku)
    await until(lambda: is_blocked(world, order_id))
    return order_id, sku


async def say(world: World, order_id: str, step: str, action: str, evidence: str = "") -> None:
    """Say it until it is taken: a saga may be busy for a moment."""

    async def taken() -> bool:
        answer = await resolve(world, order_id, step, action=action, evidence=evidence)
        assert answer in {202, 409, 429, 503}, answer
        return answer == 202

    await until(taken, within=60)


async def still_resolved(world: World, words: int) -> str:
    order_id, sku = await refused_twice(world)
    for _ in range(words):
        await say(world, order_id, REFUND, "retry")
    await say(world, order_id, RELEASE, "skip", EVIDENCE)
    world.gates.allow(workflow_id(order_id))
    await say(world, order_id, REFUND, "retry")
    async with asyncio.timeout(60):
        await world.handle(order_id).result()
    order = await world.order(order_id)
    assert (order.status, order.reason and order.reason.code) == ("rejected", "no")
    assert await world.provider.fetch_moved(order_id) == (order.total.minor, order.total.minor)
    assert await world.stock(sku) == (98, 2, 0)  # as the skip says
    said = [
        event.data
        for event in await world.services.orders.history(order_id)
        if event.data.get("who")
    ]
    assert [record["evidence"] for record in said if record["action"] == "skip"] == [EVIDENCE]
    assert said[-1]["action"] == "retry"
    return order_id


async def test_a_saga_takes_many_words(world: World) -> None:
    await still_resolved(world, FEW)


@pytest.mark.words
async def test_an_order_takes_more_words_than_a_run_should_have(
    world: World, fast_path: bool
) -> None:
    if not fast_path:
        pytest.skip("the same saga takes the same words")
    order_id = await still_resolved(world, MANY)
    query = f"WorkflowId = '{workflow_id(order_id)}'"

    async def in_several_runs() -> bool:
        return len([execution async for execution in world.client.list_workflows(query)]) > 1

    await until(in_several_runs)
