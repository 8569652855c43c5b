"""Resetting a finished workflow to the task that scheduled an activity."""

from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

FIRST, LAST = "its first task", "its last task"


async def reset(client: Client, handle: WorkflowHandle[Any, Any], activity: str) -> Any:
    """A handle of the new run. `activity` may be `FIRST`, or `LAST`: the task that ended it."""
    tasks: dict[str, int] = {}
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            task = scheduled.workflow_task_completed_event_id
            tasks.setdefault(scheduled.activity_type.name, task)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            tasks.setdefault(FIRST, event.event_id)
            tasks[LAST] = event.event_id
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=_run_of(handle)),
            reason="verified",
            workflow_task_finish_event_id=tasks[activity],
            request_id=str(uuid4()),
        )
    )
    return client.get_workflow_handle(
        handle.id, run_id=answer.run_id, result_type=handle._result_type
    )


def _run_of(handle: WorkflowHandle[Any, Any]) -> str:
    return handle.run_id or handle.result_run_id or ""
