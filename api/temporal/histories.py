"""What a saga's history tells to whoever must help it: where it can be reset to, what was done."""

from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter, WorkflowSerializationContext

from activities.evidence import BROKEN_OFF, COMPLETED
from contracts.workflow_io import find_saga_type
from saga.participant.errors import describe_error

TASK_BEGUN = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
}
DONE = {EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_MARKER_RECORDED}


def reset_points(history: WorkflowHistory) -> Sequence[int]:
    """The events that Temporal takes for a reset: the ends of workflow tasks, the first one first.

    None if no task has begun: there is nothing to go back to. Of a workflow that was ended within
    its first task, that is where this task was broken off.
    """
    tasks = [event.event_id for event in history.events if event.event_type == COMPLETED]
    return (
        tasks or [event.event_id for event in history.events if event.event_type in BROKEN_OFF][:1]
    )


def find_failed_task(history: WorkflowHistory) -> HistoryEvent | None:
    """The event that its workflow's task failed, if it has come no further since.

    Temporal records the first failure alone. The task that it gives out again is shown behind it.
    """
    last = next(event for event in reversed(history.events) if event.event_type not in TASK_BEGUN)
    return last if last.HasField("workflow_task_failed_event_attributes") else None


def has_done(history: WorkflowHistory) -> bool:
    """Whether it has begun any activity. Local ones of a task that was lost are not told."""
    return any(event.event_type in DONE for event in history.events)


async def unreadable(history: WorkflowHistory, namespace: str, converter: DataConverter) -> str:
    """Why its input cannot be read as what its workflow takes; empty if it can."""
    started = history.events[0].workflow_execution_started_event_attributes
    kind = find_saga_type(started.workflow_type.name)
    if kind is None:
        return ""
    wanted = kind.input
    context = WorkflowSerializationContext(namespace, history.workflow_id)
    try:
        given = await converter.with_context(context).decode(started.input.payloads, [wanted])
    except Exception as error:  # noqa: BLE001 - of whatever codec and converter
        return f"its input is no {wanted.__name__}: {describe_error(error)}"[:500]
    return "" if len(given) == 1 else f"it has {len(given)} inputs, and takes one"
