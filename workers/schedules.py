"""What runs by itself: the schedule of the audit, which the workers make when they start."""

from contextlib import suppress
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
)

from contracts.audits import AuditRequest
from contracts.names import Queue
from workflows.audit_orders import AuditOrders

AUDIT = "audit-orders"
EVERY = timedelta(minutes=10)


async def ensure(client: Client) -> None:
    """Make the schedules that are not there; one that is, is left as operators have changed it."""
    action = ScheduleActionStartWorkflow(
        AuditOrders.run, AuditRequest(), id=AUDIT, task_queue=Queue.ORDERS
    )
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)])
    with suppress(ScheduleAlreadyRunningError):
        await client.create_schedule(AUDIT, Schedule(action=action, spec=spec))
