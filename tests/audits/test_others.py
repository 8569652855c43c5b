"""An audit beside people: who resets, pauses, or starts by hand what does not fit."""

import asyncio
from uuid import uuid4

import pytest
from temporalio.api.command.v1 import Command, CompleteWorkflowExecutionCommandAttributes
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    ResetWorkflowExecutionRequest,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.client import Client

from activities import saga_recovery
from activities.executions import Execution, describe
from contracts.audits import AuditReport, Named
from contracts.names import workflow_id
from contracts.orphans import Orphan, Remedy, Why
from tests.activities.test_executions import paused, unpaused
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited, seen_by_visibility, terminated_at


async def reset(world: World, saga_id: str) -> None:
    """As an operator does who terminated it by mistake (docs/runbooks/terminated.md)."""
    await world.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=world.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=saga_id),
            workflow_task_finish_event_id=4,
            reason="terminated by mistake",
            request_id=str(uuid4()),
        )
    )


async def test_a_saga_that_is_reset_while_it_is_repaired_is_not_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, sku, gate = await terminated_at(world, "payment.charge", BEFORE)
    saga_id = workflow_id(order_id)
    looked, may_start = asyncio.Event(), asyncio.Event()

    async def looks_and_waits(client: Client, saga_id: str) -> Execution | None:
        found = await describe(client, saga_id)
        looked.set()
        await may_start.wait()
        return found

    monkeypatch.setattr(saga_recovery, "describe", looks_and_waits)
    orphan = Orphan(saga_id=saga_id, order_id=order_id, why=Why.TERMINATED, remedy=Remedy.UNDO)
    repairing = asyncio.create_task(
        saga_recovery.Repairs(world.client, world.services.orders).carry_on(orphan)
    )
    await looked.wait()
    again = world.gates.close(saga_id, "payment.charge", BEFORE)
    await reset(world, saga_id)
    await again.wait_reached()
    may_start.set()
    assert not await repairing
    world.gates.remove(saga_id)
    await asyncio.gather(gate.open(), again.open())
    await world.settled(order_id, sku, "confirmed")


async def test_a_paused_order_is_named_and_others_are_mended(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    other, its_sku, late = await terminated_at(world, "payment.charge", AFTER)
    await paused(world, workflow_id(order_id))
    await seen_by_visibility(world, {workflow_id(other)})
    report = await audited(world)
    (said,) = named(report, order_id)
    assert "paused" in said.what
    assert "temporal workflow unpause" in said.what
    await late.open()
    await world.settled(other, its_sku, "cancelled")
    await unpaused(world, workflow_id(order_id))
    world.gates.remove(workflow_id(order_id))
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    assert named(await audited(world), order_id) == []


def named(report: AuditReport, order_id: str) -> list[Named]:
    return [order for order in report.named if order.order_id == order_id]


async def test_what_was_started_by_hand_and_does_not_fit_is_named_and_others_are_mended(
    world: World,
) -> None:
    order_id = f"ord_{uuid4().hex}"
    started = await world.client.start_workflow(
        "PlaceOrder", {}, id=workflow_id(order_id), task_queue="nobody"
    )
    await started.terminate("it was nonsense")
    foreign = f"start-like-this-one-{uuid4().hex}"
    started = await world.client.start_workflow("PlaceOrder", {}, id=foreign, task_queue="nobody")
    await started.terminate("likewise")
    other, its_sku, late = await terminated_at(world, "payment.charge", AFTER)
    await seen_by_visibility(world, {workflow_id(order_id), workflow_id(other), foreign})
    report = await audited(world)
    (said,) = named(report, order_id)
    assert "its input is no order's" in said.what
    assert f"temporal workflow delete -w {workflow_id(order_id)}" in said.what
    (strange,) = [saga for saga in report.named if saga.saga_id == foreign]
    assert "no order's" in strange.what
    await late.open()
    await world.settled(other, its_sku, "cancelled")


async def completed_with_garbage(world: World, saga_id: str) -> None:
    """A saga whose workflow task somebody completed by hand."""
    queue = f"by-hand-{uuid4().hex}"
    await world.client.start_workflow("PlaceOrder", {}, id=saga_id, task_queue=queue)
    service = world.client.workflow_service
    task = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(
            namespace=world.client.namespace, task_queue=TaskQueue(name=queue), identity="a test"
        )
    )
    nothing = Payload(metadata={"encoding": b"json/plain"}, data=b'"garbage"')
    command = Command(
        command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        complete_workflow_execution_command_attributes=CompleteWorkflowExecutionCommandAttributes(
            result=Payloads(payloads=[nothing])
        ),
    )
    await service.respond_workflow_task_completed(
        RespondWorkflowTaskCompletedRequest(
            namespace=world.client.namespace,
            task_token=task.task_token,
            identity="a test",
            commands=[command],
        )
    )


async def test_a_result_that_cannot_be_read_is_named(world: World) -> None:
    order_id = f"ord_{uuid4().hex}"
    await completed_with_garbage(world, workflow_id(order_id))

    async def is_listed() -> bool:
        query = f"WorkflowId = '{workflow_id(order_id)}' AND ExecutionStatus = 'Completed'"
        return (await world.client.count_workflows(query)).count > 0

    await until(is_listed)
    (said,) = named(await audited(world), order_id)
    assert "its result is no order's" in said.what
