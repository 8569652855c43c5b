"""Workers inside the API: orders begin with their start, and what is begun is finished."""

import asyncio
from datetime import UTC, datetime

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter

from api.temporal import saga_gateway
from api.temporal.order_memo import OrderMemo
from api.temporal.saga_gateway import OrderSagas
from contracts.base import Money
from contracts.names import Queue
from contracts.orders import CreateOrder, OrderLine
from saga.stretch.messages import STRETCH
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_fast_path import UNDOING
from workers import run
from workers.claims import NamespaceMissing
from workers.run import working_inside

DECLINED = "pm_card_visa_chargeDeclined"
PRICE = Money(minor=500, currency="EUR")


async def accepted(world: World, sku: str, order_id: str, method: str) -> OrderMemo:
    order = CreateOrder(
        order_id=order_id,
        customer_id=await world.user(),
        items=(OrderLine(sku=sku, quantity=1, unit_price=PRICE),),
        total=PRICE,
        payment_method=method,
    )
    return OrderMemo(order=order, fingerprint="-", accepted_at=datetime.now(UTC))


async def eagerly(world: World, order_id: str) -> bool:
    """Whether the first workflow task came back with the start."""
    history = await world.handle(order_id).fetch_history()
    return history.events[0].workflow_execution_started_event_attributes.eager_execution_accepted


async def client_of(world: World, namespace: str = "default") -> Client:
    """One of its own: a client has one worker of each queue."""
    return await Client.connect(
        world.address, namespace=namespace, data_converter=pydantic_data_converter
    )


def not_called() -> None:
    pytest.fail("no worker failed")


async def test_an_order_begins_with_its_start_if_its_process_has_a_worker(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    assert await eagerly(world, order_id)


async def test_an_order_waits_for_a_worker_elsewhere_if_its_process_has_none(world: World) -> None:
    sku, order_id = await world.product(), "ord_begins-elsewhere"
    sagas = OrderSagas(await client_of(world), fast_path=True)
    assert await sagas.start(await accepted(world, sku, order_id, "pm_card_visa"))
    await world.settled(order_id, sku, "confirmed")
    assert not await eagerly(world, order_id)


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_process_that_stops_finishes_what_it_has_begun(
    world: World, fast_path: bool
) -> None:
    """The charge is on its way when the process is told to stop; others go on with the order."""
    sku, order_id = await world.product(), f"ord_outlives-its-process-{fast_path}"
    joined: asyncio.Queue[Client] = asyncio.Queue()
    inside = working_inside(lambda: client_of(world), world.services, joined.put_nowait, not_called)
    async with inside:
        sagas = OrderSagas(await client_of(world), fast_path=fast_path)
        sagas.start_by(await joined.get())
        order = await accepted(world, sku, order_id, "pm_sandbox_slow")
        assert await sagas.start(order)
        assert not await sagas.start(order), "a second start is told that there was a first"

        async def captured() -> bool:
            return (await world.provider.fetch_moved(order_id))[0] > 0

        await until(captured)
    assert await eagerly(world, order_id)
    await world.settled(order_id, sku, "confirmed")


async def test_without_the_fast_path_a_process_with_workers_has_all_on_one_queue(
    world: World,
) -> None:
    """What is shown of the order is the same; what is not clean goes on there, too."""
    orders = {"ord_clean-on-its-own-queue": "pm_card_visa", "ord_not-clean": DECLINED}
    skus = [await world.product() for _ in orders]
    joined: asyncio.Queue[Client] = asyncio.Queue()
    inside = working_inside(lambda: client_of(world), world.services, joined.put_nowait, not_called)
    async with inside:
        sagas = OrderSagas(await client_of(world), fast_path=False)
        sagas.start_by(await joined.get())
        for sku, (order_id, method) in zip(skus, orders.items(), strict=True):
            assert await sagas.start(await accepted(world, sku, order_id, method))
        clean, declined = orders
        await world.settled(clean, skus[0], "confirmed")
        await world.settled(declined, skus[1], "rejected")
    assert await asked_on(Queue.ORDERS, world, clean) == [STRETCH]
    assert await asked_on(Queue.ORDERS, world, declined) == [STRETCH, *UNDOING]
    found = (await world.handle(clean).describe()).typed_search_attributes
    shown = {row.key.name: str(row.value) for row in found}
    assert (shown["SagaStep"], shown["SagaState"]) == ("commit_inventory", "completed")
    assert shown["OrderStatus"] == "confirmed"


async def asked_on(queue: Queue, world: World, order_id: str) -> list[str]:
    """The order's activities, all of which are on this queue.

    Search attributes went out together: before each, and at the end.
    """
    history = (await world.handle(order_id).fetch_history()).events
    asked = [
        event.activity_task_scheduled_event_attributes
        for event in history
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert {activity.task_queue.name for activity in asked} == {queue}
    upserts = EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES
    assert sum(event.event_type == upserts for event in history) <= len(asked) + 1
    return [activity.activity_type.name for activity in asked]


@pytest.mark.parametrize("method", ["pm_card_visa", DECLINED])
async def test_an_end_in_its_own_process_is_told_without_a_question_to_temporal(
    world: World, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only when Temporal has it on record."""
    sku, order_id = await world.product(), f"ord_told-at-home-{method}"
    joined: asyncio.Queue[Client] = asyncio.Queue()
    monkeypatch.setattr(saga_gateway, "LOCALLY", 60.0)
    sagas = OrderSagas(await client_of(world), fast_path=True)
    monkeypatch.setattr(sagas, "_handle", not_called)
    told = sagas.closings.note
    async with working_inside(
        lambda: client_of(world), world.services, joined.put_nowait, not_called, told
    ):
        sagas.start_by(await joined.get())
        assert await sagas.start(await accepted(world, sku, order_id, method))
        await sagas.wait_until_closed(order_id)
        status = (await world.handle(order_id).describe()).status
    assert status is WorkflowExecutionStatus.COMPLETED


async def test_temporal_may_come_up_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RETRY_AFTER", 0.01)
    joined: asyncio.Queue[Client] = asyncio.Queue()
    away = [RuntimeError("away")] * 3

    async def connect() -> Client:
        if away:
            raise away.pop()
        return await client_of(world)

    async with working_inside(connect, world.services, joined.put_nowait, not_called):
        async with asyncio.timeout(30):
            await joined.get()
    assert not away


async def test_a_worker_that_cannot_work_is_told_of_and_ends_the_process(world: World) -> None:
    failed = asyncio.Event()

    async def connect() -> Client:
        return await client_of(world, namespace="nonesuch")

    inside = working_inside(connect, world.services, lambda _: None, failed.set)
    with pytest.raises(NamespaceMissing, match="nonesuch"):
        async with inside, asyncio.timeout(30):
            await failed.wait()
