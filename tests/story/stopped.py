"""What befalls a workflow from outside."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflowservice.v1 import RespondActivityTaskFailedByIdRequest
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.executions import describe
from api.temporal.order_memo import OrderMemo
from api.temporal.start_options import saga_options
from contracts.names import workflow_id
from contracts.orders import OrderStatus
from contracts.workflow_io import PlaceOrderInput
from saga import HELD_BACK
from saga.stretch.worker import TRUSTED
from tests.activities.test_executions import paused, unpaused
from tests.api.test_troubles import TASK, some_order
from tests.story.blocked import Make
from tests.story.incidents import Made
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited, seen_by_visibility, terminated_at
from tests.workflows.test_temporal_cli import temporal
from workflows.place_order import PlaceOrder

Release = Callable[[], Awaitable[None]]
GATES = tuple(
    (activity, moment)
    for activity in ("order.create", "inventory.reserve", "payment.charge", "order.confirm")
    for moment in (BEFORE, AFTER)
)


def terminate(activity: str, moment: str, *, fast: bool = False, reset: bool = False) -> Make:
    """Its workflow is terminated there: `fast`, in its first task; `reset`, and goes on again."""

    async def make(world: World) -> Made:
        world.fast_path = fast
        try:
            order_id, sku, gate = await terminated_at(world, activity, moment)
        finally:
            world.fast_path = True
        if reset:
            words = ("-w", workflow_id(order_id), "--event-id", "4", "--reason", "a test")
            await temporal(world, "workflow", "reset", *words)
            await gate.open()
            await world.settled(order_id, sku, "confirmed")
            return Made(order_id, sku)
        return Made(order_id, sku, gate.open)

    return make


def terminate_undoing(moment: str) -> Make:
    """Its workflow is terminated while money is to go back, or has gone back."""

    async def make(world: World) -> Made:
        order_id, sku, charged = await world.stopped_at("payment.charge", AFTER)
        saga_id = workflow_id(order_id)
        refund = world.gates.close(saga_id, "payment.refund", moment)
        await world.http.post(f"/v1/orders/{order_id}/cancel")
        await charged.open()
        await refund.wait_reached()
        await world.handle(order_id).terminate("by mistake")
        world.gates.remove(saga_id)
        return Made(order_id, sku, refund.open)

    return make


async def carry_on(world: World) -> Made:
    """It was terminated when it was charged, and the audit has it undone."""
    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    until_then = time.monotonic() + TRUSTED

    async def asks_again() -> bool:
        """A stretch begins no other step when it has to ask whether its workflow runs."""
        return time.monotonic() > until_then

    await until(asks_again)
    await gate.open()
    await seen_by_visibility(world, {workflow_id(order_id)})
    await audited(world)
    await world.settled(order_id, sku, "cancelled")
    return Made(order_id, sku)


async def pause(world: World) -> Made:
    """Somebody pauses its workflow."""
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    await paused(world, workflow_id(order_id))

    async def release() -> None:
        await unpaused(world, workflow_id(order_id))
        await gate.open()
        await world.settled(order_id, sku, "confirmed")

    return Made(order_id, sku, release)


async def pause_activity(world: World) -> Made:
    """Somebody pauses an activity of it that is retried."""
    order_id, sku = await retry(world, RuntimeError("the bank is away"))
    saga_id = workflow_id(order_id)
    (pending,) = (await world.handle(order_id).describe()).raw_description.pending_activities
    which = ("-w", saga_id, "--activity-id", pending.activity_id)
    await temporal(world, "activity", "pause", *which)

    async def release() -> None:
        world.gates.allow(saga_id)
        await temporal(world, "activity", "unpause", *which)
        await world.settled(order_id, sku, "confirmed")

    return Made(order_id, sku, release)


async def retry(world: World, error: Exception) -> tuple[str, str]:
    """An order whose charge fails with this again and again: (order id, SKU)."""
    world.fast_path = False
    sku, user, order_id = await world.product(), await world.user(), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), "payment.charge", error)
    await world.place(sku, user=user)
    world.fast_path = True

    async def is_retried() -> bool:
        described = (await world.handle(order_id).describe()).raw_description
        return any(activity.attempt > 1 for activity in described.pending_activities)

    await until(is_retried)
    return order_id, sku


def fail_charge(error: Exception) -> Make:
    """Its charge fails with this again and again, so far."""

    async def make(world: World) -> Made:
        order_id, sku = await retry(world, error)

        async def release() -> None:
            world.gates.allow(workflow_id(order_id))
            await world.settled(order_id, sku, "confirmed")

        return Made(order_id, sku, release)

    return make


AWAY = RuntimeError("the bank is away")
OPEN = ApplicationError("provider is left alone: its calls failed", type=HELD_BACK)


@workflow.defn(name="PlaceOrder", sandboxed=False)
class Failing:
    """What a bad deploy makes of an order."""

    @workflow.run
    async def run(self, order: Any) -> None:
        """Fail."""
        raise RuntimeError("of a bad deploy")


@asynccontextmanager
async def working(world: World, code: type, queue: str) -> AsyncIterator[None]:
    """A worker with this code of the saga."""
    runner = UnsandboxedWorkflowRunner()
    async with Worker(world.client, task_queue=queue, workflows=[code], workflow_runner=runner):
        yield


async def start(world: World, given: Callable[[Any], Any], **options: Any) -> tuple[Made, Any]:
    """An accepted order whose saga is started like this: it, and its workflow's handle."""
    order, sku = await some_order(world)
    accepted = OrderMemo(order=order, fingerprint="of a request", accepted_at=datetime.now(UTC))
    usual = saga_options(order, OrderStatus.PENDING)
    its: WorkflowHandle[Any, Any] = await world.client.start_workflow(
        "PlaceOrder",
        given(order),
        id=workflow_id(order.order_id),
        memo={"accepted": accepted},
        **usual | {"request_eager_start": False, "task_timeout": TASK} | options,
    )
    return Made(order.order_id, sku), its


async def fails(world: World, order_id: str) -> bool:
    """Whether its workflow's task is tried again, the third time at least."""
    described = (await world.handle(order_id).describe()).raw_description
    return bool(described.pending_workflow_task.attempt > 2)


async def break_code(world: World) -> Made:
    """Its workflow's code fails, until another is deployed."""
    made, _ = await start(world, lambda order: PlaceOrderInput(**dict(order)), task_queue="broken")
    deployed = AsyncExitStack()
    await deployed.enter_async_context(working(world, Failing, "broken"))
    await until(lambda: fails(world, made.order_id))

    async def release() -> None:
        await deployed.aclose()
        async with working(world, PlaceOrder, "broken"):
            await world.settled(made.order_id, made.sku, "confirmed")

    return Made(made.order_id, made.sku, release)


async def garble_input(world: World) -> Made:
    """Its input is of another release, which nothing here reads."""
    made, its = await start(world, lambda order: order.model_dump(mode="json", exclude={"total"}))
    await until(lambda: fails(world, made.order_id))

    async def release() -> None:
        await its.terminate("the test is over")
        await temporal(world, "workflow", "delete", "-y", "-w", its.id)
        await until(is_gone)

    async def is_gone() -> bool:
        """Temporal removes it in its own time."""
        return await describe(world.client, its.id) is None

    return Made(made.order_id, made.sku, release)


async def wait_for_worker(world: World) -> Made:
    """No worker takes its workflow, until one does."""
    queue = "nobody-works-here"
    made, _ = await start(world, lambda order: PlaceOrderInput(**dict(order)), task_queue=queue)

    async def release() -> None:
        async with working(world, PlaceOrder, queue):
            await world.settled(made.order_id, made.sku, "confirmed")

    return Made(made.order_id, made.sku, release)


async def garble_failure(world: World) -> Made:
    """Somebody fails an activity of it by hand with what nobody can decode."""
    world.fast_path = False
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    world.fast_path = True
    (pending,) = (await world.handle(order_id).describe()).raw_description.pending_activities
    failure = Failure(message="garbled")
    garbled = Payload(metadata={"encoding": b"json/plain"}, data=b"{")
    failure.application_failure_info.details.payloads.append(garbled)
    await world.client.workflow_service.respond_activity_task_failed_by_id(
        RespondActivityTaskFailedByIdRequest(
            namespace=world.client.namespace,
            workflow_id=workflow_id(order_id),
            activity_id=pending.activity_id,
            failure=failure,
        )
    )

    async def release() -> None:
        await gate.open()
        await world.settled(order_id, sku, "confirmed")

    return Made(order_id, sku, release)
