"""Resetting a workflow to the task that scheduled an activity, or ran it on the fast path."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

from saga.stretch.messages import STRETCH

FIRST, LAST = "its first task", "its last task"

# What ends a task; a run that is terminated has its last one fail, unless it was tried before.
ENDS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
}


async def reset(client: Client, handle: WorkflowHandle[Any, Any], activity: str) -> Any:
    """A handle of the new run. `activity` may be `FIRST`, or `LAST`: that ended the workflow."""
    tasks = tasks_of([event async for event in handle.fetch_history_events()])
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=_run_of(handle)),
            reason="verified",
            workflow_task_finish_event_id=tasks.get(activity) or tasks[STRETCH],
            request_id=str(uuid4()),
        )
    )
    return client.get_workflow_handle(
        handle.id, run_id=answer.run_id, result_type=handle._result_type
    )


def tasks_of(history: Sequence[HistoryEvent]) -> dict[str, int]:
    """The events that a run can be reset to: `FIRST`, `LAST`, and by the activity called there."""
    tasks: dict[str, int] = {}
    for event in history:
        if event.event_type in ENDS:
            tasks.setdefault(FIRST, event.event_id)
            tasks[LAST] = event.event_id
        elif (called := _activity_of(event)) is not None:
            tasks.setdefault(*called)
    return tasks


async def failed_tasks(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """Why tasks of a workflow failed, in words: for whoever looks for what it hangs on."""
    return [
        f"a task failed: {event.workflow_task_failed_event_attributes.failure.message}"
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]


def _activity_of(event: HistoryEvent) -> tuple[str, int] | None:
    """An activity's name and the task that called it, if that is what the event tells."""
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        scheduled = event.activity_task_scheduled_event_attributes
        return scheduled.activity_type.name, scheduled.workflow_task_completed_event_id
    if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name == "core_local_activity":
            said = json.loads(marker.details["data"].payloads[0].data)
            return said["activity_type"], marker.workflow_task_completed_event_id
    return None


def _run_of(handle: WorkflowHandle[Any, Any]) -> str:
    return handle.run_id or handle.result_run_id or ""
