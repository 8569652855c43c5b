"""Every attempt of a saga's activities, as its workflow's history and Temporal's server have it.

What a queue retries is one entry in history, which ends with its last attempt; what goes before is
known by number, and by the last error. Attempts on the fast path are entries of their own.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Protocol

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowHandle
from temporalio.converter import PayloadCodec

from saga.stretch.history import LOCAL, read_stretches
from saga.stretch.messages import NOT_BEGUN, STRETCH, StretchReply, UncleanAttempt

RUNS = {
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
}


class Stamp(Protocol):
    """A time as Temporal's messages have it."""

    @property
    def seconds(self) -> int:
        """Since 1970; 0 if the field is not set."""

    def ToDatetime(self, tzinfo: tzinfo) -> datetime:  # noqa: N802 - protobuf's name
        """The same in Python."""


class Result(StrEnum):
    """How an attempt ended, or that it has not."""

    DONE = "done"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"


@dataclass(frozen=True)
class Try:
    """One attempt, or several of which the last is known: `number` is its number.

    0 if no attempt is on record: of a workflow that was ended, nobody tells. `fast`: on the fast
    path, else by its queue. `next_at` is when one that waits is tried again.
    """

    activity: str
    fast: bool
    number: int
    result: Result
    began: datetime | None = None
    ended: datetime | None = None
    error: str | None = None
    next_at: datetime | None = None
    worker: str = ""

    @property
    def made(self) -> int:
        """How many attempts have begun."""
        return self.number - 1 if self.result is Result.WAITING else self.number


def count_attempts(tries: Iterable[Try]) -> Counter[str]:
    """Those that have begun, by activity."""
    made: Counter[str] = Counter()
    for each in tries:
        made[each.activity] += each.made
    del made[STRETCH]
    return made


async def read_tries(
    client: Client, handle: WorkflowHandle[Any, Any], waiting: Iterable[PendingActivityInfo] = ()
) -> list[Try]:
    """All of them, in order of their beginning; `waiting` are Temporal's pending ones, if any.

    Of a stretch, what its reply tells; nothing of one without a reply.
    """
    codec = client.data_converter.payload_codec
    found: dict[int, Try] = {}
    events = [event async for event in handle.fetch_history_events()]
    stretches = await read_stretches(events, client.data_converter)
    for event in events:
        for failure in _failures(event):
            await unseal(failure, codec)
        for number, told in _of_event(event, found):
            found[number] = told
    waiting = list(waiting)
    for activity in waiting:
        await unseal(activity.last_failure, codec)
    pending = {activity.activity_type.name for activity in waiting}
    parts = [
        part
        for stretch in stretches
        if stretch.reply is not None
        for part in _of_stretch(found.pop(stretch.asked), stretch.reply)
    ]
    ended = [*parts, *(row for row in found.values() if row.ended)]
    left = [
        replace(row, result=Result.FAILED, error=row.error or "called off")
        for row in found.values()
        if not row.ended and row.activity not in pending
    ]
    return sorted([*ended, *left, *map(_of_pending, waiting)], key=_begin)


def _failures(event: HistoryEvent) -> tuple[Failure, ...]:
    """What the event may tell of a failure; empty ones are harmless."""
    return (
        event.activity_task_started_event_attributes.last_failure,
        event.activity_task_failed_event_attributes.failure,
        event.activity_task_timed_out_event_attributes.failure,
        event.marker_recorded_event_attributes.failure,
    )


async def unseal(failure: Failure, codec: PayloadCodec | None) -> None:
    """Put back the messages of a failure that was encrypted for Temporal, in place, if it can be.

    The codec may have no key for it any more, or the server may be away that has it.
    """
    with suppress(Exception):  # whatever codec it is
        await _unseal(failure, codec)


async def _unseal(failure: Failure, codec: PayloadCodec | None) -> None:
    while True:
        if failure.HasField("encoded_attributes"):
            sealed = [failure.encoded_attributes]
            opened = await codec.decode(sealed) if codec else sealed
            failure.message = str(json.loads(opened[0].data).get("message", failure.message))
        if not failure.HasField("cause"):
            return
        failure = failure.cause


def _begin(it: Try) -> datetime:
    return it.began or datetime.max.replace(tzinfo=UTC)


def _of_event(event: HistoryEvent, found: dict[int, Try]) -> Iterator[tuple[int, Try]]:
    """What the event tells: of an attempt, by the number of the event that began it."""
    when = _time(event.event_time)
    if event.marker_recorded_event_attributes.marker_name == LOCAL:
        yield event.event_id, _of_marker(event)
    elif event.HasField("activity_task_scheduled_event_attributes"):
        name = event.activity_task_scheduled_event_attributes.activity_type.name
        yield event.event_id, Try(name, fast=False, number=0, result=Result.RUNNING, began=when)
    elif event.HasField("activity_task_started_event_attributes"):
        started = event.activity_task_started_event_attributes
        yield (
            started.scheduled_event_id,
            replace(
                found[started.scheduled_event_id],
                number=started.attempt,
                worker=started.identity,
                error=_message(started.last_failure) or None,
            ),
        )
    elif (ended := _of_end(event)) is not None:
        begun, result, error = ended
        before = found[begun]
        yield begun, replace(before, result=result, ended=when, error=error or before.error)


def _of_end(event: HistoryEvent) -> tuple[int, Result, str | None] | None:
    """How an attempt that the event names by its beginning ended; None if it names none."""
    done = event.activity_task_completed_event_attributes.scheduled_event_id
    failed = event.activity_task_failed_event_attributes
    late = event.activity_task_timed_out_event_attributes
    cancelled = event.activity_task_canceled_event_attributes.scheduled_event_id
    if done:
        return done, Result.DONE, None
    if failed.scheduled_event_id:
        return failed.scheduled_event_id, Result.FAILED, _message(failed.failure)
    if late.scheduled_event_id:
        return late.scheduled_event_id, Result.FAILED, _message(late.failure)
    return (cancelled, Result.FAILED, "called off") if cancelled else None


def _of_marker(event: HistoryEvent) -> Try:
    """An attempt on the fast path, as the SDK keeps it."""
    marker = event.marker_recorded_event_attributes
    told = json.loads(marker.details["data"].payloads[0].data)
    failed = marker.HasField("failure")
    ended = _told_time(told.get("complete_time")) or _time(event.event_time)
    begun = _told_time(told.get("original_schedule_time"))
    return Try(
        told["activity_type"],
        fast=True,
        number=int(told.get("attempt", 1)),
        result=Result.FAILED if failed else Result.DONE,
        # The first is of the worker's clock and the second of the workflow's, which may be behind.
        began=min(begun, ended) if begun and ended else ended,
        ended=ended,
        error=_message(marker.failure) if failed else None,
    )


def _of_stretch(whole: Try, reply: StretchReply) -> Iterator[Try]:
    """Each attempt that a stretch has made, by its clock."""
    begun = datetime.fromisoformat(reply.began)
    for attempt in reply.attempts:
        ended = begun + timedelta(seconds=attempt.seconds)
        error = attempt.error if isinstance(attempt, UncleanAttempt) else None
        result = Result.FAILED if error else Result.DONE
        number = 0 if error == NOT_BEGUN else whole.number
        made = replace(whole, activity=attempt.activity, result=result, error=error)
        yield replace(made, number=number, began=begun, ended=ended)
        begun = ended


def _of_pending(it: PendingActivityInfo) -> Try:
    runs = it.state in RUNS
    return Try(
        it.activity_type.name,
        fast=False,
        number=it.attempt,
        result=Result.RUNNING if runs else Result.WAITING,
        began=_time(it.last_started_time) or _time(it.scheduled_time),
        error=_message(it.last_failure) or None,
        next_at=None if runs else _next(it),
        worker=it.last_worker_identity,
    )


def _next(it: PendingActivityInfo) -> datetime | None:
    return _time(it.next_attempt_schedule_time) or _time(it.scheduled_time)


def _message(failure: Failure) -> str:
    """What our own code said, which may be wrapped: in "Failure exceeds size limit" for one."""
    outer = failure.message
    while not failure.HasField("application_failure_info") and failure.HasField("cause"):
        failure = failure.cause
    return failure.message if failure.HasField("application_failure_info") else outer


def _time(stamp: Stamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.seconds else None


def _told_time(value: Any) -> datetime | None:
    """A time in a marker, which is JSON of the SDK's own."""
    if isinstance(value, dict) and "seconds" in value:
        return datetime.fromtimestamp(value["seconds"] + value.get("nanos", 0) / 1e9, UTC)
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return None
