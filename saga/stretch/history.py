"""Reads stretches from a workflow's history: for whoever asks what a saga has done, and when."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter

from saga.stretch.messages import STRETCH, Stretch, StretchReply

LOCAL = "core_local_activity"  # the SDK's marker of an attempt on the fast path


@dataclass(frozen=True)
class RecordedStretch:
    """One in a history. `asked` is the event that tells of it, `ended` the one that tells of its

    `reply`, which is None if there is none.

    `activities` are those that it has begun; all that it may have if there is no reply. On the fast
    path nobody knows which these are: None.
    """

    asked: int
    ended: int
    fast: bool
    reply: StretchReply | None
    activities: Sequence[str] | None


async def read_stretches(
    events: Iterable[HistoryEvent], converter: DataConverter
) -> list[RecordedStretch]:
    """All that a history tells of, in order. One that cannot be read counts as without a reply."""
    found: list[RecordedStretch] = []
    requests: dict[int, Sequence[Payload]] = {}
    replies: dict[int, tuple[int, StretchReply | None]] = {}
    for event in events:
        if is_local_stretch(event):
            marker = event.marker_recorded_event_attributes
            reply = await _decode(converter, marker.details["result"].payloads, StretchReply)
            number = event.event_id
            found.append(RecordedStretch(number, number, True, reply, _list_begun(reply)))
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == STRETCH:
            requests[event.event_id] = scheduled.input.payloads
        completed = event.activity_task_completed_event_attributes
        if completed.scheduled_event_id in requests:
            reply = await _decode(converter, completed.result.payloads, StretchReply)
            replies[completed.scheduled_event_id] = event.event_id, reply
    for asked, payloads in requests.items():
        ended, reply = replies.get(asked, (asked, None))
        stretch = await _decode(converter, payloads[:1], Stretch)
        planned = [attempt.activity for attempt in stretch.attempts] if stretch else None
        found.append(RecordedStretch(asked, ended, False, reply, _list_begun(reply) or planned))
    return found


def is_local_stretch(event: HistoryEvent) -> bool:
    """Whether the event tells of a stretch on the fast path."""
    marker = event.marker_recorded_event_attributes
    return marker.marker_name == LOCAL and any(
        json.loads(payload.data)["activity_type"] == STRETCH
        for payload in marker.details["data"].payloads
    )


def _list_begun(reply: StretchReply | None) -> Sequence[str] | None:
    return None if reply is None else [attempt.activity for attempt in reply.attempts]


async def _decode(converter: DataConverter, payloads: Sequence[Payload], wanted: Any) -> Any:
    try:
        (found,) = await converter.decode(list(payloads), [wanted])
    except Exception:  # noqa: BLE001 - of other code, made by hand, or not there
        return None
    return found
