"""Counts in a workflow's history what Temporal Cloud bills, and how much of it is stored.

The rules are those of https://docs.temporal.io/cloud/actions (read in November 2026), of what a
history tells of:

- One Action each: a workflow's start, a reset, a timer, a signal, an accepted Update, an activity's
  attempt, an upsert of search attributes (however many attributes; `TemporalChangeVersion` alone is
  free, and so are those given at the start), new execution options, a Nexus operation and its
  cancel.
- All markers of one workflow task are one together: local activities, and with them what `patched`
  records.
- A child workflow is two: one here, where it is asked for, and one in its own history.
- What came before a reset was billed to the workflow that was reset.

No history tells of queries, rejected Updates, heartbeats, schedules, exports, or a local activity
that was so long that its task was renewed without a marker: of these, add one Action each (two for
a schedule).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

ONE_EACH = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "start",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: "options",
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: "nexus",
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED: "nexus",
}
FREE = "TemporalChangeVersion"


@dataclass(frozen=True)
class Cost:
    """Of one history: Actions, what they are for, events, and bytes of these as they are stored."""

    actions: int
    by_kind: dict[str, int]
    events: int
    size: int


def measure_cost(events: Sequence[HistoryEvent]) -> Cost:
    """What this history costs."""
    kinds = Counter(_yield_actions(events[_find_reset(events) :]))
    return Cost(
        actions=kinds.total(),
        by_kind=dict(sorted(kinds.items())),
        events=len(events),
        size=sum(event.ByteSize() for event in events),
    )


def _find_reset(events: Sequence[HistoryEvent]) -> int:
    """The index of the last reset; 0 if there is none."""
    return max((index for index, event in enumerate(events) if _is_reset(event)), default=0)


def _yield_actions(events: Sequence[HistoryEvent]) -> Iterator[str]:
    """The kind of each Action."""
    with_markers = set()
    for event in events:
        if (kind := ONE_EACH.get(event.event_type)) is not None:
            yield kind
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            yield from ["activity"] * max(1, event.activity_task_started_event_attributes.attempt)
        elif event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            if _is_billed_upsert(event):
                yield "search_attributes"
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            task = event.marker_recorded_event_attributes.workflow_task_completed_event_id
            if task not in with_markers:
                yield "markers"
            with_markers.add(task)
        elif _is_reset(event):
            yield "reset"


def _is_billed_upsert(event: HistoryEvent) -> bool:
    attributes = event.upsert_workflow_search_attributes_event_attributes.search_attributes
    return any(name != FREE for name in attributes.indexed_fields)


def _is_reset(event: HistoryEvent) -> bool:
    reset = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    return event.workflow_task_failed_event_attributes.cause == reset
