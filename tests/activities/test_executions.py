"""Executions are told of whatever their status is, where the SDK would raise."""

from uuid import uuid4

from temporalio.api.workflowservice.v1 import (
    PauseWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)

from activities.executions import Status, describe, list_executions, status_of
from contracts.names import workflow_id
from tests.support.gates import BEFORE
from tests.support.waiting import until
from tests.support.world import World


async def paused(world: World, saga_id: str) -> None:
    """Have an execution paused."""
    await world.client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace=world.client.namespace,
            workflow_id=saga_id,
            identity="a test",
            reason="to see",
            request_id=str(uuid4()),
        )
    )


async def unpaused(world: World, saga_id: str) -> None:
    """Have it go on."""
    await world.client.workflow_service.unpause_workflow_execution(
        UnpauseWorkflowExecutionRequest(
            namespace=world.client.namespace,
            workflow_id=saga_id,
            identity="a test",
            reason="seen",
            request_id=str(uuid4()),
        )
    )


async def test_a_paused_workflow_is_described_and_listed(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    saga_id = workflow_id(order_id)
    await paused(world, saga_id)
    found = await describe(world.client, saga_id)
    assert found is not None
    assert (found.status, found.is_open) == (Status.PAUSED, True)

    async def is_listed() -> bool:
        query = f"WorkflowId = '{saga_id}'"
        return [instance.status async for instance in list_executions(world.client, query)] == [
            Status.PAUSED
        ]

    await until(is_listed)
    await unpaused(world, saga_id)
    world.gates.remove(saga_id)
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_what_is_not_there_is_not_described(world: World) -> None:
    assert await describe(world.client, "order-nobody") is None


def test_a_status_of_a_later_temporal_is_unknown() -> None:
    assert (status_of(1), status_of(8), status_of(99)) == ("running", "paused", "unknown")
