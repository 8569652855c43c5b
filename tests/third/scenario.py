"""Run in the code that has a third saga (tests/third/test_third_saga.py): it is kept as the others.

Not collected by itself: here there is no such saga.
"""

import asyncio
from typing import Any

from api.overload.load_shedding import LoadShedder
from api.temporal.start_options import saga_options
from cli.client import Api, ApiError
from cli.operate.explain import story
from cli.operate.order_details import read_order_details
from cli.operate.reset_preview import steps_again
from contracts.orders import OrderStatus
from contracts.workflow_io import HOLDING, HoldOutcome, HoldStockInput  # type: ignore[attr-defined]
from tests.support.gates import AFTER, Gate
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited, seen_by_visibility

PIECES = 2


class Rest(Api):
    """What commands ask the API, asked of the world's."""

    def __init__(self, world: World) -> None:
        self._world, self._loop = world, asyncio.get_running_loop()

    def get(self, path: str, **query: Any) -> Any:
        asked = self._world.http.get(path, params=query)
        answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        if answer.is_error:
            raise ApiError(answer.status_code, answer.json()["code"], path)
        return answer.json()


async def begun(world: World) -> tuple[str, str, Gate]:
    """A hold that stands behind its first step: (order id, SKU, gate)."""
    sku = await world.product()
    order_id = await world.place(sku, quantity=PIECES)
    order = await world.settled(order_id, sku, OrderStatus.CONFIRMED)
    saga_id = HOLDING.first_id(order_id)
    gate = world.gates.close(saga_id, "hold.set_aside", AFTER)
    given = HoldStockInput(
        order_id=order_id, items=order.items, total=order.total, customer_id=order.customer_id
    )
    options = saga_options(order, OrderStatus.CONFIRMED)
    await world.client.start_workflow(HOLDING.name, given, id=saga_id, **options)
    await gate.wait_reached()
    return order_id, sku, gate


async def troubles(world: World) -> dict[str, Any]:
    return {
        subject["saga_id"]: subject
        for subject in await world.rest_items("/v1/sagas?attention=true&late=0")
    }


async def test_it_ends_well_and_is_on_the_orders_page(world: World) -> None:
    order_id, sku, gate = await begun(world)
    await gate.open()
    handle: Any = world.client.get_workflow_handle(
        HOLDING.first_id(order_id), result_type=HoldOutcome
    )
    assert (await handle.result()).held
    assert await world.stock(sku) == (100 - 2 * PIECES, PIECES, PIECES)
    history = await handle.fetch_history()
    again = {item.step: item.answer for item in steps_again(history, 0, {"set_aside": "done"})}
    assert again == {"set_aside": "is answered from its store", "check_customer": "reads"}


async def test_what_it_holds_is_explained_and_at_stake_until_it_ends(world: World) -> None:
    async def held() -> int:
        return int((await world.rest("/v1/exposure"))["stock"]["pieces"])

    before = await held()
    order_id, _, gate = await begun(world)
    saga_id, api = HOLDING.first_id(order_id), Rest(world)

    async def held_more() -> bool:
        return await held() == before + PIECES

    await until(held_more)
    assert (await LoadShedder(world.client, 1).count_open()).open >= 1
    case = await asyncio.to_thread(read_order_details, api, order_id)
    stake, stock = case.story["money"]["at_stake"], case.story["stock"]
    assert (stake["minor"], stock["pieces"]) == (0, PIECES)
    said = "\n".join(story(case))
    assert f"Its HoldStock saga ({saga_id}) is running." in said
    assert "inventory: set_aside took effect, once" in said
    assert f"Stock: {PIECES} pieces are reserved for it." in said
    await gate.open()

    async def ended() -> bool:
        costs = (await world.rest("/v1/exposure"))["costs"]
        return await held() == before and "HoldStock" in {cost["saga"] for cost in costs}

    await until(ended)


async def test_one_that_was_terminated_is_listed_and_carried_on_as_what_it_is(
    world: World,
) -> None:
    order_id, sku, gate = await begun(world)
    saga_id = HOLDING.first_id(order_id)
    world.gates.remove(saga_id)
    await world.client.get_workflow_handle(saga_id).terminate("by mistake")
    await seen_by_visibility(world, {saga_id})
    assert (await troubles(world))[saga_id]["trouble"]["kind"] == "ended"
    report = await audited(world)
    assert saga_id in {repair.orphan.saga_id for repair in report.repaired}
    await gate.open()

    async def undone() -> bool:
        return await world.stock(sku) == (100 - PIECES, 0, PIECES)

    await until(undone)
    newest = await world.client.get_workflow_handle(saga_id).describe()
    assert newest.workflow_type == HOLDING.name
    assert (await world.order(order_id)).status == OrderStatus.CONFIRMED


async def test_one_that_is_late_is_listed(world: World) -> None:
    order_id, _, gate = await begun(world)
    await asyncio.sleep(0)

    async def listed() -> bool:
        return HOLDING.first_id(order_id) in await troubles(world)

    await until(listed, within=60)
    await gate.open()
