"""A saga that is terminated and carried on by an audit, in the verifier's world."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle

from contracts.audits import AuditRequest
from contracts.names import Queue, workflow_id
from verifier.golden import AUDIT, CHARGE, Story
from verifier.subject import Case, Subject
from verifier.world import World
from workflows.audit_orders import AuditOrders

BOUND = 60.0
LOOK = 0.1


async def audited(world: World, subject: Subject, story: Story) -> WorkflowHandle[Any, Any]:
    """The audit, or the saga that it carried on, as the story asks; both have ended.

    ValueError if the audit did not find or did not undo it.
    """
    case = _plainly_named(await subject.make(world, story.fast))
    saga = await world.client.start_workflow(
        subject.workflow.run, case.argument, id=case.workflow_id, task_queue=Queue.ORDERS
    )
    await _until(lambda: _charging(saga))
    await saga.terminate("by mistake")
    await _until(lambda: _listed(world, case))
    audit = await world.client.start_workflow(
        AuditOrders.run,
        AuditRequest(grace=timedelta()),
        id=f"audit-{uuid4()}",
        task_queue=Queue.ORDERS,
    )
    report = await audit.result()
    ends = {it.orphan.saga_id: it.status for it in report.repaired}
    if ends.get(case.workflow_id) != "cancelled":
        raise ValueError(f"{case.workflow_id} was not undone: {report}")
    return audit if story.saga == AUDIT else world.client.get_workflow_handle(case.workflow_id)


def _plainly_named(case: Case) -> Case:
    """The order's id without a dash: to an audit, what follows one counts an order's returns."""
    order_id = case.order.order_id.replace("-", "")
    argument = case.argument.model_copy(update={"order_id": order_id})
    return Case(workflow_id(order_id), argument, argument, case.fast)


async def _charging(saga: WorkflowHandle[Any, Any]) -> bool:
    pending = (await saga.describe()).raw_description.pending_activities
    return CHARGE.activity in {it.activity_type.name for it in pending}


async def _listed(world: World, case: Case) -> bool:
    query = f"WorkflowId = '{case.workflow_id}' AND ExecutionStatus = 'Terminated'"
    return (await world.client.count_workflows(query)).count > 0


async def _until(so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(BOUND):
        while not await so():  # noqa: ASYNC110 - Temporal has no event for it
            await asyncio.sleep(LOOK)
