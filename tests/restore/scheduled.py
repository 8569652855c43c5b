"""The audit as its schedule runs it, now."""

from temporalio.client import ScheduleActionExecutionStartWorkflow

from contracts.audits import AuditReport
from contracts.names import AUDIT_SCHEDULE
from tests.support.waiting import until
from tests.support.world import World
from workers import schedules


async def scheduled_audit(world: World) -> AuditReport:
    """Make the schedule if there is none, have it run once, and never by itself."""
    await schedules.ensure(world.client)
    handle = world.client.get_schedule_handle(AUDIT_SCHEDULE)
    await handle.pause()
    before = (await handle.describe()).info.num_actions
    await handle.trigger()

    async def begun() -> bool:
        return (await handle.describe()).info.num_actions > before

    await until(begun)
    action = (await handle.describe()).info.recent_actions[-1].action
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    run = world.client.get_workflow_handle(
        action.workflow_id,
        first_execution_run_id=action.first_execution_run_id,
        result_type=AuditReport,
    )
    report: AuditReport = await run.result()
    return report
