"""A saga that is terminated and carried on by an audit, in the verifier's world."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any, cast
from uuid import uuid4

from temporalio.client import WorkflowHandle

from activities.executions import describe
from contracts.audits import AuditReport, AuditRequest
from contracts.names import Queue, workflow_id
from invariants.cases import OrderCase
from invariants.environment import OrderWorld
from invariants.golden_scenarios import AUDIT, CHARGE, Scenario
from invariants.narrow_audits import PREFIX
from saga.verify.subject import Subject
from workflows.audit_orders import AuditOrders

BOUND = 60.0
LOOK = 0.1
AGE = timedelta(minutes=5)  # of a case, at most
_numbers = count(1)


async def run_audited_scenario(
    world: OrderWorld, subject: Subject, scenario: Scenario
) -> WorkflowHandle[Any, Any]:
    """The audit, or the saga that it carried on, as the story asks; both have ended.

    ValueError if the audit did not find or did not undo it.
    """
    case = _without_dash(cast("OrderCase", await subject.make(world, scenario.fast)))
    saga = await world.client.start_workflow(
        subject.workflow.run, case.argument, id=case.workflow_id, task_queue=Queue.ORDERS
    )
    await _until(lambda: _charging(saga))
    await saga.terminate("by mistake")
    await _until(lambda: _is_listed(world, case, saga.result_run_id or ""))
    audit = await world.client.start_workflow(
        AuditOrders.run,
        AuditRequest(grace=timedelta()),
        id=f"audit-{uuid4()}",
        task_queue=Queue.ORDERS,
    )
    report = await audit.result()
    ends = {repair.orphan.saga_id: repair.status for repair in report.repaired}
    if ends.get(case.workflow_id) != "cancelled":
        raise ValueError(f"{case.workflow_id} was not undone: {report}")
    return audit if scenario.saga == AUDIT else world.client.get_workflow_handle(case.workflow_id)


def _without_dash(case: OrderCase) -> OrderCase:
    """The order's id without a dash: to an audit, what follows one counts an order's returns."""
    order_id = case.order.order_id.replace("-", "")
    argument = case.argument.model_copy(update={"order_id": order_id})
    return OrderCase(workflow_id(order_id), argument, case.fast, order=argument)


async def audit(
    world: OrderWorld,
    case: OrderCase,
    *,
    repair: bool = True,
    between: Callable[[], Awaitable[None]] | None = None,
    begins: Callable[[str], None] | None = None,
    only: bool = False,
) -> AuditReport:
    """An audit of this order alone, however young it is, to its end.

    `only`: it is asked for this order, and looks at each of its sagas; else at those that it lists.
    `between` is done when it has found what is wrong, and before it repairs it. `begins` is told
    the id of its workflow, before that begins.
    """
    stands = await describe(world.client, case.workflow_id)
    if stands is not None and not stands.is_open:
        await _until(lambda: _is_listed(world, case, stands.run_id))
    audit_id = f"{PREFIX}{case.order.order_id}~{next(_numbers)}"
    if between is not None:
        world.between.what[audit_id] = between
    if begins is not None:
        begins(audit_id)
    report: AuditReport = await world.client.execute_workflow(
        AuditOrders.run,
        AuditRequest(
            grace=timedelta(),
            repair=repair,
            ledger=AGE,
            only=case.order.order_id if only else None,
        ),
        id=audit_id,
        task_queue=Queue.ORDERS,
    )
    return report


async def _charging(saga: WorkflowHandle[Any, Any]) -> bool:
    pending = (await saga.describe()).raw_description.pending_activities
    return CHARGE.activity in {activity.activity_type.name for activity in pending}


async def _is_listed(world: OrderWorld, case: OrderCase, run_id: str) -> bool:
    """Whether Temporal lists this run as ended, as it will a moment after it is."""
    run = f"WorkflowId = '{case.workflow_id}' AND RunId = '{run_id}'"
    query = f"{run} AND ExecutionStatus != 'Running'"
    return (await world.client.count_workflows(query)).count > 0


async def _until(so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(BOUND):
        while not await so():  # noqa: ASYNC110 - Temporal has no event for it
            await asyncio.sleep(LOOK)
