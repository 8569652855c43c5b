"""How often each activity of a workflow was started: from its history, and from what is pending."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowHandle

from saga.stretch.history import LOCAL, read_stretches
from saga.stretch.messages import STRETCH


async def count_attempts(
    client: Client, handle: WorkflowHandle[Any, Any], waiting: Iterable[PendingActivityInfo] = ()
) -> Counter[str]:
    """Attempts by activity name; `waiting` are those of an open workflow that have not ended.

    Of those in a stretch, what its reply tells of.
    """
    found: Counter[str] = Counter()
    scheduled: dict[int, str] = {}
    events = [event async for event in handle.fetch_history_events()]
    for stretch in await read_stretches(events, client.data_converter):
        found.update(stretch.activities or () if stretch.reply else ())
    for event in events:
        found.update(_local(event))
        if event.HasField("activity_task_scheduled_event_attributes"):
            name = event.activity_task_scheduled_event_attributes.activity_type.name
            scheduled[event.event_id] = name
        elif event.HasField("activity_task_started_event_attributes"):
            started = event.activity_task_started_event_attributes
            found[scheduled[started.scheduled_event_id]] += started.attempt
    for pending in waiting:
        found[pending.activity_type.name] += pending.attempt
    del found[STRETCH]
    return found


def _local(event: HistoryEvent) -> Iterator[str]:
    """The activity that was tried on the fast path, if the event tells of one."""
    marker = event.marker_recorded_event_attributes
    if marker.marker_name == LOCAL:
        for payload in marker.details["data"].payloads:
            yield json.loads(payload.data)["activity_type"]
