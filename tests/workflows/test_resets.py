"""Finished sagas that are reset to random points: they end as they did, with no new effect."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError

from contracts.names import return_id, workflow_id
from tests.support.returns import ask
from tests.support.returns import ended as return_ended
from tests.support.world import World

ORDERS = 50  # in each of both modes
AT_ONCE = 25
SEED = 20261124
DECLINED, DOWN = "pm_card_visa_chargeDeclined", "pm_sandbox_down"
KINDS = ("confirmed", "declined", "out of stock", "cancelled", "returned")
ENDS = {"declined": "rejected", "out of stock": "rejected"}


@dataclass(frozen=True)
class Ended:
    """An order whose saga has ended, and which of its workflows is to be reset."""

    kind: str
    order_id: str
    sku: str
    saga_id: str


async def ended(world: World, kind: str, dice: random.Random) -> Ended:
    """An order that came to such an end."""
    sku, user = await world.product(stock=1 if kind == "out of stock" else 100), await world.user()
    method = {"declined": DECLINED, "cancelled": DOWN}.get(kind, "pm_card_visa")
    order_id = await world.place(sku, user=user, method=method)
    if kind == "cancelled":
        await asyncio.sleep(dice.random() / 2)  # where it is cancelled is left to chance
        answer = await world.http.post(f"/v1/orders/{order_id}/cancel")
        assert answer.status_code in {200, 202}, answer.text
    await world.handle(order_id).result()
    saga_id = workflow_id(order_id)
    if kind == "returned":
        order = await world.order(order_id)
        assert await ask(world, order) == 202
        await return_ended(world, order)
        saga_id = dice.choice((saga_id, return_id(order_id)))
    assert (await world.order(order_id)).status == ENDS.get(kind, kind)
    return Ended(kind, order_id, sku, saga_id)


async def books(world: World, it: Ended) -> dict[str, Any]:
    """All that a new effect would change."""
    return {
        "order": await world.order(it.order_id),
        "events": await world.services.orders.history(it.order_id),
        "stock": await world.stock(it.sku),
        "money": await world.provider.fetch_moved(it.order_id),
        "result": await result(world, it),
    }


async def result(world: World, it: Ended) -> Any:
    """What its newest run ended with."""
    try:
        return await world.client.get_workflow_handle(it.saga_id).result()
    except WorkflowFailureError as error:
        return repr(error.cause)


async def reset(world: World, it: Ended, dice: random.Random) -> int:
    """Reset it to a random one of its workflow tasks; how many there were to choose from."""
    history = await world.client.get_workflow_handle(it.saga_id).fetch_history()
    done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    tasks = [event.event_id for event in history.events if event.event_type == done]
    await world.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=world.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=it.saga_id),
            reason="a test",
            workflow_task_finish_event_id=dice.choice(tasks),
            request_id=str(uuid4()),
        )
    )
    return len(tasks)


async def test_finished_orders_reset_to_random_points_have_no_new_effect(world: World) -> None:
    dice = random.Random(SEED)
    found, points = Counter[str](), 0
    for begin in range(0, ORDERS, AT_ONCE):
        kinds = [KINDS[number % len(KINDS)] for number in range(begin, begin + AT_ONCE)]
        these = await asyncio.gather(*(ended(world, kind, dice) for kind in kinds))
        before = await asyncio.gather(*(books(world, item) for item in these))
        runs = [await run_id(world, item) for item in these]
        points += sum([await reset(world, item, dice) for item in these])
        after = await asyncio.gather(*(books(world, item) for item in these))
        for usage, was, now in zip(these, before, after, strict=True):
            assert now == was, usage
        assert all(
            [await run_id(world, item) != run for item, run in zip(these, runs, strict=True)]
        )
        found.update(item.kind for item in these)
    assert found == dict.fromkeys(KINDS, ORDERS // len(KINDS))
    assert points >= ORDERS


async def run_id(world: World, it: Ended) -> str:
    return (await world.client.get_workflow_handle(it.saga_id).describe()).run_id
