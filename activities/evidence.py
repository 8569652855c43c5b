"""What a workflow's own record tells of a saga: how it began, how far it came, how it ended.

It outlives the services' records, if their databases were restored; and anybody may have started or
completed parts of it by hand, so that what it says need not fit what is expected.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from activities.executions import Execution, Status, connection_options
from contracts.names import order_of
from contracts.orders import BY_HAND, CreateOrder
from contracts.workflow_io import PLACING, SagaInput, SagaType, find_saga_type
from saga.stretch.history import LOCAL, read_stretches

C = TypeVar("C", CreateOrder, SagaInput)
STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
BROKEN_OFF = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
}


class Unreadable(Exception):
    """What is recorded of a saga does not fit what it should be; the message says what to do."""


@dataclass(frozen=True)
class Word:
    """What an operator said of a step."""

    step: str
    action: str
    who: str


async def first_command(execution: Execution) -> CreateOrder:
    """What the saga of an order was started with. Unreadable."""
    return await _first_input(execution, CreateOrder)


async def first_input(execution: Execution, kind: SagaType) -> SagaInput:
    """What a saga of this kind was started with. Unreadable."""
    return await _first_input(execution, kind.input)


async def outcome_of(execution: Execution) -> Any:
    """What a saga that ended as it should said of its end; None if it was cancelled on Temporal.

    Unreadable.
    """
    if execution.status is not Status.COMPLETED:
        return None
    kind = find_saga_type(execution.workflow_type) or PLACING
    handle: WorkflowHandle[Any, Any] = execution.client.get_workflow_handle(
        execution.id, run_id=execution.run_id, result_type=kind.outcome
    )
    try:
        return await handle.result(follow_runs=False)
    except (RPCError, WorkflowFailureError):
        raise
    except Exception as error:
        raise Unreadable(_explain_how_to_end("result", execution)) from error


async def ended_past_the_pivot(execution: Execution) -> bool:
    """Whether a saga that ended says that its pivot landed. Unreadable if its history does not."""
    try:
        outcome = await outcome_of(execution)
    except Unreadable:
        if await went_past_the_pivot(execution):
            return True
        raise
    kind = find_saga_type(execution.workflow_type) or PLACING
    return outcome is not None and kind.landed(outcome)


async def went_past_the_pivot(execution: Execution) -> bool:
    """Whether this run shows that the pivot was done, or was started since it had been.

    What it was reset from counts, too.
    """
    kind = find_saga_type(execution.workflow_type)
    pivot = kind.pivot if kind else ""
    history = await _history(execution)
    if await _shows(execution, history, pivot) or await _started_as_landed(execution, history):
        return True
    original = history.events[0].workflow_execution_started_event_attributes
    run_id = original.original_execution_run_id
    if not run_id or run_id == execution.run_id:
        return False
    try:
        return await _shows(execution, await _history(execution, run_id), pivot)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False


async def may_have_landed_unseen(execution: Execution) -> bool:
    """Whether this run, which does not show that its pivot was done, may have done it all the same.

    It was asked for and did not answer, by itself or in a stretch; or, on the fast path, a task of
    the workflow was broken off with all that it did.
    """
    kind, history = find_saga_type(execution.workflow_type), await _history(execution)
    asked = {
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    }
    if kind is not None and kind.pivot in asked:
        return True
    for stretch in await read_stretches(history.events, execution.converter):
        if stretch.activities is None or (kind and kind.pivot in stretch.activities):
            return True
    happened = [event.event_type for event in history.events]
    tasks = [record for record in happened if record in {STARTED, COMPLETED, *BROKEN_OFF}]
    was_broken_off = tasks[-1:] == [STARTED] or not BROKEN_OFF.isdisjoint(tasks)
    return was_broken_off and (await _read_input(execution, history)).get("fast_path") is True


async def words_of(execution: Execution) -> list[Word]:
    """What operators said of its steps in this run, after which nobody tries on.

    A word that was never answered was lost with its run, and whoever said it knows that.
    """
    found = []
    events = (await _history(execution)).events
    answered = {
        event.workflow_execution_update_completed_event_attributes.accepted_event_id
        for event in events
        if event.workflow_execution_update_completed_event_attributes.outcome.HasField("success")
    }
    for event in events:
        if event.event_id not in answered:
            continue
        accepted = event.workflow_execution_update_accepted_event_attributes
        said = accepted.accepted_request.input
        if said.name != "resolve":
            continue
        try:
            (given,) = await execution.converter.decode(said.args.payloads, [dict])
            word = Word(str(given["step"]), str(given["action"]), str(given.get("who")))
        except Exception as error:
            raise Unreadable(
                f"a word of an operator cannot be read: {_explain_how_to_see(execution)}"
            ) from error
        if word.action in BY_HAND:
            found.append(word)
    return found


async def _started_as_landed(execution: Execution, history: WorkflowHistory) -> bool:
    """Whether its input says that the pivot had landed; not if it cannot be read."""
    return (await _read_input(execution, history)).get("landed") is True


async def _read_input(execution: Execution, history: WorkflowHistory) -> dict[str, Any]:
    """Its input; nothing if it cannot be read."""
    started = history.events[0].workflow_execution_started_event_attributes
    try:
        (given,) = await execution.converter.decode(started.input.payloads, [dict])
        return dict(given)
    except Exception:  # noqa: BLE001 - of other code, or made by hand
        return {}


async def _first_input(execution: Execution, kind: type[C]) -> C:
    history = await _history(execution)
    started = history.events[0].workflow_execution_started_event_attributes
    try:
        decoded = await execution.converter.decode(started.input.payloads, [kind])
        given: C = decoded[0]
    except Exception as error:
        raise Unreadable(_explain_how_to_end("input", execution)) from error
    if given.order_id != order_of(execution.id):
        raise Unreadable(_explain_how_to_end("input", execution))
    return given


async def _history(execution: Execution, run_id: str | None = None) -> WorkflowHistory:
    handle: WorkflowHandle[object, object] = execution.client.get_workflow_handle(
        execution.id, run_id=run_id or execution.run_id
    )
    return await handle.fetch_history()


async def _shows(execution: Execution, history: WorkflowHistory, activity: str) -> bool:
    """Whether the activity was completed, by itself or in a stretch."""
    stretches = await read_stretches(history.events, execution.converter)
    replies = [stretch.reply for stretch in stretches if stretch.reply]
    clean = {attempt.activity for reply in replies for attempt in reply.clean}
    return activity in clean or activity in set(_find_completed(history))


def _find_completed(history: WorkflowHistory) -> Iterator[str]:
    """The activities that were completed, by name."""
    scheduled: dict[int, str] = {}
    for event in history.events:
        yield from _find_completed_locally(event)
        if event.HasField("activity_task_scheduled_event_attributes"):
            name = event.activity_task_scheduled_event_attributes.activity_type.name
            scheduled[event.event_id] = name
        elif event.HasField("activity_task_completed_event_attributes"):
            completed = event.activity_task_completed_event_attributes
            yield scheduled[completed.scheduled_event_id]


def _find_completed_locally(event: HistoryEvent) -> Iterator[str]:
    marker = event.marker_recorded_event_attributes
    if marker.marker_name == LOCAL and not marker.HasField("failure"):
        for payload in marker.details["data"].payloads:
            yield json.loads(payload.data)["activity_type"]


def _explain_how_to_end(what: str, execution: Execution) -> str:
    """Who started or completed it by hand knows what was meant."""
    at = connection_options(execution.client)
    return (
        f"its {what} is no order's: {_explain_how_to_see(execution)}, "
        f"then end it by `temporal workflow delete -w {execution.id}{at}`"
    )


def _explain_how_to_see(execution: Execution) -> str:
    at = connection_options(execution.client)
    return f"see `temporal workflow show -w {execution.id}{at}`"
