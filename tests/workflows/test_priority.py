"""Compensations go before new work: they have the first priority, and queues of ours keep it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.common import Priority
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from saga.retriable import URGENT
from tests.support.gates import AFTER
from tests.support.waiting import until
from tests.support.world import World

EACH = 20


async def test_compensations_are_scheduled_with_the_first_priority(world: World) -> None:
    world.fast_path = False
    order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
    await world.http.post(f"/v1/orders/{order_id}/cancel")
    await gate.open()
    await world.settled(order_id, sku, "cancelled")
    found = {}
    async for event in world.handle(order_id).fetch_history_events():
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            found[scheduled.activity_type.name] = scheduled.priority.priority_key
    undoing = {"payment.refund", "inventory.release", "order.close"}
    assert {row: key for row, key in found.items() if key == 1}.keys() >= undoing
    assert {found[name] for name in ("order.create", "inventory.reserve", "payment.charge")} == {0}


@workflow.defn(name="Backlog")
class Backlog:
    """New work first, compensations after it, all on one queue."""

    @workflow.run
    async def run(self, queue: str) -> None:
        wanted = [("new", Priority.default)] * EACH + [("undo", URGENT)] * EACH
        await asyncio.gather(
            *(
                workflow.execute_activity(
                    "note",
                    kind,
                    task_queue=queue,
                    priority=priority,
                    start_to_close_timeout=timedelta(seconds=10),
                )
                for kind, priority in wanted
            )
        )


@asynccontextmanager
async def working(world: World, queue: str, order: list[str]) -> AsyncIterator[None]:
    @activity.defn(name="note")
    async def note(kind: str) -> None:
        order.append(kind)

    async with Worker(
        world.client, task_queue=queue, activities=[note], max_concurrent_activities=1
    ):
        yield


async def test_a_worker_that_comes_back_to_a_backlog_undoes_first(world: World) -> None:
    queue, order = f"backlog-{uuid4()}", list[str]()
    workflows = Worker(
        world.client,
        task_queue=f"{queue}-workflows",
        workflows=[Backlog],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with workflows:
        handle = await world.client.start_workflow(
            Backlog.run, queue, id=queue, task_queue=f"{queue}-workflows"
        )

        async def waiting() -> bool:
            return len((await handle.describe()).raw_description.pending_activities) == 2 * EACH

        await until(waiting)
        async with working(world, queue, order):
            await handle.result()
    # A queue has several partitions, each of which keeps the order by itself. First come, first
    # served would have all of the new work, which was asked for first, before the first undoing.
    positions = [number for number, kind in enumerate(order) if kind == "undo"]
    assert len(positions) == EACH
    assert sum(positions) / EACH < EACH - 1, order
