"""What runs by itself: the schedule of the audit, which the workers make when they start."""

from dataclasses import replace
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from contracts.audits import AuditRequest
from contracts.names import AUDIT_SCHEDULE, AUDITS
from workflows.audit_orders import AuditOrders

EVERY = timedelta(minutes=10)
# One that hangs holds up the next ones for so long, as they do not overlap.
AT_MOST = timedelta(hours=1)


async def ensure(client: Client) -> None:
    """Make the schedules that are not there; one that is, is left as operators have changed it.

    One that an older release made starts audits on the queue of the sagas; it gets the new action.
    """
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)])
    try:
        await client.create_schedule(AUDIT_SCHEDULE, Schedule(action=_action(), spec=spec))
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(AUDIT_SCHEDULE).update(_renew)


def _action() -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow(
        AuditOrders.run,
        AuditRequest(cautious=True),
        id=AUDIT_SCHEDULE,
        task_queue=AUDITS,
        execution_timeout=AT_MOST,
    )


def _renew(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
    """The schedule with today's action; None if it has it. When it runs, and whether, stays."""
    schedule = found.description.schedule
    action = schedule.action
    if isinstance(action, ScheduleActionStartWorkflow) and action.task_queue == AUDITS:
        return None
    return ScheduleUpdate(replace(schedule, action=_action()))
