"""Returns of confirmed orders: goods back on the shelf, money back once, or nothing at all."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from api.temporal.stuck_sagas import find_stuck
from api.temporal.troubles import Kind
from contracts.names import return_id, workflow_id
from contracts.workflow_io import ReturnOutcome
from saga import rejection
from tests.support.gates import AFTER, BEFORE
from tests.support.returns import (
    RETURN_EVENTS,
    ask,
    cancel,
    confirmed,
    ended,
    handle,
    is_as_before,
    is_returned,
    stopped_at,
    types,
)
from tests.support.telling import read_told
from tests.support.waiting import until
from tests.support.world import World
from workflows.return_order import RESTOCK

MOMENTS = (BEFORE, AFTER)
WAYS = ("update", "temporal")
BOUND = timedelta(seconds=2)  # of a wait for another saga's lock, which takes ten minutes


async def test_a_returned_order_gives_money_and_stock_back_once(world: World) -> None:
    order, sku = await confirmed(world)
    assert await ask(world, order) == 202
    outcome = await handle(world, order).result()
    assert outcome == ReturnOutcome(order_id=order.id, returned=True)
    await is_returned(world, order, sku)
    assert await types(world, order) == RETURN_EVENTS
    described = await handle(world, order).describe()
    attributes = {
        attribute.key.name: attribute.value for attribute in described.typed_search_attributes
    }
    assert attributes["OrderStatus"] == "returned"
    assert attributes["CustomerId"] == order.customer_id


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_cancel_before_the_pivot_leaves_the_order_confirmed(
    world: World, moment: str, way: str
) -> None:
    order, sku, gate = await stopped_at(world, "order.begin_return", moment)
    assert await cancel(world, order, way)
    status = await ended(world, order)
    await gate.open()  # the stopped attempt comes late: it must change nothing
    await is_as_before(world, order, sku)
    assert (await types(world, order))[-1] == "OrderReturnAbandoned"
    expected = "COMPLETED" if way == "update" else "CANCELED"
    assert status == WorkflowExecutionStatus[expected]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("activity", ["payment.give_back", "inventory.restock"])
async def test_a_cancel_from_the_pivot_on_is_too_late(
    world: World, activity: str, moment: str, way: str
) -> None:
    order, sku, gate = await stopped_at(world, activity, moment)
    assert await cancel(world, order, way) is (way == "temporal")
    await gate.open()
    assert await ended(world, order) == WorkflowExecutionStatus.COMPLETED
    await is_returned(world, order, sku)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("activity", ["payment.fence_give_back", "order.abandon_return"])
async def test_a_second_cancel_does_not_stop_the_undoing(
    world: World, activity: str, moment: str
) -> None:
    order, sku, begun = await stopped_at(world, "order.begin_return", AFTER)
    gate = world.gates.close(return_id(order.id), activity, moment)
    first = asyncio.create_task(cancel(world, order, "update"))  # may wait for the fence's answer
    await gate.wait_reached()
    assert not await cancel(world, order, "update")
    await cancel(world, order, "temporal")
    await gate.open()
    await begun.open()
    assert await first
    assert await ended(world, order) == WorkflowExecutionStatus.COMPLETED
    await is_as_before(world, order, sku)


async def test_a_return_abandoned_once_can_be_tried_again(world: World) -> None:
    order, sku, gate = await stopped_at(world, "order.begin_return", BEFORE)
    assert await cancel(world, order, "update")
    await ended(world, order)
    assert await ask(world, order) == 202
    await gate.open()  # the first attempt's zombie, while the second is under way
    assert await ended(world, order, 2) == WorkflowExecutionStatus.COMPLETED
    await is_returned(world, order, sku)
    assert await types(world, order) == ["OrderReturnAbandoned", *RETURN_EVENTS]


async def test_a_payment_that_is_not_captured_any_more_leaves_the_order_confirmed(
    world: World,
) -> None:
    order, sku = await confirmed(world)
    refused = rejection("nothing_to_return", "the bank took it back")
    world.gates.refuse(return_id(order.id), "payment.give_back", refused)
    assert await ask(world, order) == 202
    outcome = await handle(world, order).result()
    assert not outcome.returned
    assert outcome.reason is not None
    assert outcome.reason.code == "nothing_to_return"
    await is_as_before(world, order, sku)
    assert await types(world, order) == ["OrderReturnStarted", "OrderReturnAbandoned"]


async def test_a_return_of_an_order_that_is_not_confirmed_changes_nothing(world: World) -> None:
    """By Temporal's own means, since the API would not begin it."""
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    order = await world.settled(order_id, sku, "rejected")
    start = {"order_id": order.id, "items": [], "total": order.total.model_dump()}
    outcome = await world.client.execute_workflow(
        "ReturnOrder", start, id=return_id(order.id), task_queue="orders"
    )
    assert (outcome["returned"], outcome["reason"]["code"]) == (False, "not_returnable")
    assert await world.order(order_id) == order


async def test_a_lost_reply_of_the_refund_gives_the_money_back_once(world: World) -> None:
    order, sku, gate = await stopped_at(world, "payment.give_back", AFTER)
    assert await world.provider.fetch_moved(order.id) == (order.total.minor, order.total.minor)
    started = (return_id(order.id), "payment.give_back")

    async def tried_again() -> bool:
        return world.gates.started[started] > 1

    await until(tried_again, within=30)  # its attempt of 10 s runs out: the reply is lost
    await gate.open()
    await ended(world, order)
    await is_returned(world, order, sku)


async def test_a_return_before_the_stock_is_sold_waits_for_it(world: World) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    gate = world.gates.close(workflow_id(order_id), "inventory.commit", BEFORE)
    await world.place(sku)
    await gate.wait_reached()
    order = await world.order(order_id)
    assert await ask(world, order) == 202

    async def waits() -> bool:
        return world.gates.started[return_id(order_id), "inventory.restock"] > 1

    await until(waits)
    await is_told_to_wait(world, order_id)
    await gate.open()
    await ended(world, order)
    await is_returned(world, order, sku)


async def test_a_wait_beyond_its_bound_is_an_operators_until_the_lock_is_free(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The money is back by then. Nothing is given up: when the pieces are sold, they come back."""
    monkeypatch.setitem(vars(RESTOCK), "park_after", BOUND)
    sku, order_id = await world.product(), world.next_order_id()
    gate = world.gates.close(workflow_id(order_id), "inventory.commit", BEFORE)
    await world.place(sku)
    await gate.wait_reached()
    order = await world.order(order_id)
    assert await ask(world, order) == 202

    async def blocked() -> bool:
        return bool((await world.rest(f"/v1/orders/{order.id}/return"))["state"] == "blocked")

    await until(blocked)
    await is_told_to_be_blocked(world, order_id)
    await gate.open()
    await ended(world, order)
    await is_returned(world, order, sku)


async def is_told_to_be_blocked(world: World, order_id: str) -> None:
    """For whom, to operators; and that the money is back, and the order not returned yet."""
    saga = await world.rest(f"/v1/orders/{order_id}/return")
    (restock,) = (step for step in saga["steps"] if step["name"] == "restock")
    assert (restock["state"], restock["waits_for_saga"]) == ("blocked", workflow_id(order_id))
    assert set(restock["words"]) == {"retry", "mark_done", "skip"}
    rows = {saga.id: said for saga, said in await find_stuck(world.client, late=timedelta(0))}
    assert rows[return_id(order_id)].kind is Kind.BLOCKED
    story = (await read_told(world, order_id)).story
    assert "It is being returned. Returning it waits for an operator: restock" in story["says"]
    assert "are not sold yet" in story["says"]
    assert story["money"]["state"] == "given_back"
    assert (await world.order(order_id)).status == "confirmed"


async def is_told_to_wait(world: World, order_id: str) -> None:
    """The return's view, `saga stuck` and the story tell for which saga it waits."""
    holder = workflow_id(order_id)
    saga = await world.rest(f"/v1/orders/{order_id}/return")
    (restock,) = (step for step in saga["steps"] if step["name"] == "restock")
    assert (restock["state"], restock["waits_for_saga"]) == ("running", holder)
    assert restock["started_at"] == restock["waiting"]["since"] < restock["waiting"]["until"]
    rows = {saga.id: said for saga, said in await find_stuck(world.client, late=timedelta(0))}
    assert rows[return_id(order_id)].why.startswith(f"inventory.restock waits for {holder}: ")
    told = await read_told(world, order_id)
    assert f"waits for {holder}" in told.explained
    assert f"waits for {holder}" in told.page


async def test_a_blocked_restock_is_resolved_by_an_operator(world: World) -> None:
    order, sku = await confirmed(world)
    world.gates.refuse(return_id(order.id), "inventory.restock", rejection("no", "refused"))
    assert await ask(world, order) == 202

    async def blocked() -> bool:
        return bool((await world.rest(f"/v1/orders/{order.id}/return"))["state"] == "blocked")

    await until(blocked)
    assert (await world.order(order.id)).status == "confirmed"
    world.gates.allow(return_id(order.id))
    path = f"/v1/sagas/{return_id(order.id)}/steps/restock/resolve"
    assert (await world.http.post(path, json={"action": "retry"})).status_code == 202
    await ended(world, order)
    await is_returned(world, order, sku)
    noted = [kind for kind in await types(world, order) if kind.startswith("Step")]
    assert noted == ["StepBlocked", "StepBlocked", "StepUnblocked"]  # and the word between them
