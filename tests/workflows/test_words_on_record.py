"""What an operator said stays on record and binds nobody else, whatever it was said of."""

import asyncio

import pytest

from contracts.names import return_id, workflow_id
from saga import rejection
from tests.support.gates import BEFORE
from tests.support.returns import RETURN_EVENTS, ask, confirmed, ended, is_returned, types
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.world import World

NO = rejection("no", "refused")
WORD = {"action": "skip", "evidence": "the branch office knows, call 12"}


async def resolve(world: World, saga_id: str, step: str) -> int:
    path = f"/v1/sagas/{saga_id}/steps/{step}/resolve"
    return (await world.http.post(path, json=WORD)).status_code


async def until_blocked(world: World, saga_id: str) -> None:
    async def listed() -> bool:
        found = await world.rest_items("/v1/sagas?state=blocked")
        return saga_id in {row["saga_id"] for row in found}

    await until(listed)


async def test_a_return_whose_undoing_was_skipped_does_not_block_the_next(world: World) -> None:
    order, sku = await confirmed(world)
    first = return_id(order.id)
    world.gates.refuse(first, "payment.give_back", NO)
    world.gates.refuse(first, "order.abandon_return", NO)
    assert await ask(world, order) == 202
    await until_blocked(world, first)
    assert await resolve(world, first, "begin_return") == 202
    await ended(world, order)
    assert await ask(world, order) == 202
    await ended(world, order, 2)
    await is_returned(world, order, sku)
    told = [kind for kind in await types(world, order) if "Return" in kind]
    assert told == ["OrderReturnStarted", "OrderReturnAbandoned", *RETURN_EVENTS]


async def test_a_word_on_an_order_that_was_never_recorded_is_on_its_record(world: World) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    saga_id = workflow_id(order_id)
    world.gates.refuse(saga_id, "order.create", NO)
    world.gates.refuse(saga_id, "order.close", NO)
    await world.place(sku)
    await until_blocked(world, saga_id)
    assert await resolve(world, saga_id, "create_order") == 202
    await world.handle(order_id).result()
    events = await world.rest_items(f"/v1/orders/{order_id}/events")
    assert [event["type"] for event in events] == ["StepBlocked", "StepUnblocked"]
    told = {"step": "create_order", "role": "compensation", "saga_id": saga_id}
    assert events[-1]["data"].items() >= (told | {"who": OPERATOR} | WORD).items()


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast", "regular"])
async def test_what_ends_a_return_is_recorded_behind_the_word_on_the_step_before_it(
    world: World, *, fast_path: bool
) -> None:
    order, _ = await confirmed(world)
    saga_id = return_id(order.id)
    world.gates.refuse(saga_id, "inventory.restock", NO)
    world.fast_path = fast_path
    assert await ask(world, order) == 202
    world.fast_path = True
    await until_blocked(world, saga_id)
    await until(lambda: has_event(world, order.id, "StepBlocked"))
    gate = world.gates.close(saga_id, "order.note", BEFORE)
    said = asyncio.create_task(resolve(world, saga_id, "restock"))
    await gate.wait_reached()
    history = await world.client.get_workflow_handle(saga_id).fetch_history()
    begun = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
    ]
    assert "order.complete_return" not in begun
    await gate.open()
    assert await said == 202
    await ended(world, order)
    events = await world.rest_items(f"/v1/orders/{order.id}/events")
    assert [event["type"] for event in events][-2:] == ["StepUnblocked", "OrderReturned"]
    assert events[-1]["data"]["settled_by_hand"] == [{"step": "restock", "action": "skip"}]


async def has_event(world: World, order_id: str, kind: str) -> bool:
    events = await world.rest_items(f"/v1/orders/{order_id}/events")
    return kind in [event["type"] for event in events]
