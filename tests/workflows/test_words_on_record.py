"""What an operator said stays on record and binds nobody else, whatever it was said of."""

from contracts.names import return_id, workflow_id
from saga import rejection
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
