"""What is wrong with a saga, by what Temporal tells of it, however its status is called."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHistory

from activities.executions import Execution, Status, connection_options
from api.temporal.audit_outlook import AuditOutlook
from api.temporal.errors import RPC_TIMEOUT
from api.temporal.failures import list_retried
from api.temporal.histories import find_failed_task, has_done, reset_points, unreadable
from api.temporal.troubles import NEVER_BEGUN, NO_ORDER, READ_IT, RESET, WAYS_OUT, Kind, Trouble
from contracts.names import order_of
from saga.participant.errors import describe_error

log = logging.getLogger(__name__)

OFTEN = 2  # attempts of a workflow's task; one or two may fail for a deploy, or a worker's end
BAD_ENDS = {Status.TERMINATED, Status.TIMED_OUT, Status.FAILED}


async def diagnose(
    saga: Execution, late: timedelta | None, audits: AuditOutlook | None = None
) -> Trouble | None:
    """What is wrong with it; None if nothing is, or nothing yet.

    `late`: how long it may be open; None for any time. `audits`: a look that others share.
    """
    if saga.status in BAD_ENDS:
        return await _diagnose_closed(saga, audits or AuditOutlook(saga.client))
    if saga.status is Status.RUNNING:
        trouble = await _diagnose_unreadable(saga) or _diagnose_attributes(saga)
        trouble = trouble or await _diagnose_code(saga) or _diagnose_paused_activity(saga)
        return trouble or await _diagnose_slow(saga, late)
    if not saga.is_open:
        return None
    if saga.status is Status.PAUSED:
        why = "somebody has paused its workflow"
        return name_trouble(saga, Kind.PAUSED, why, _paused_at(saga))
    return name_trouble(saga, Kind.UNKNOWN, "Temporal says of it what this release does not know")


def _paused_at(saga: Execution) -> datetime | None:
    described = saga.described
    if described is None or not described.workflow_extended_info.HasField("pause_info"):
        return None
    return described.workflow_extended_info.pause_info.paused_time.ToDatetime(UTC)


def _diagnose_attributes(saga: Execution) -> Trouble | None:
    """What its search attributes say is wrong."""
    attributes = _attributes(saga)
    if attributes.get("SagaState") == "blocked":
        why = "a step is blocked; its order's events say which"
        return name_trouble(saga, Kind.BLOCKED, why)
    if problems := attributes.get("TemporalReportedProblems"):
        why = f"the workflow's own code fails: {problems}"
        return name_trouble(saga, Kind.PROBLEM, why, _untaken_since(saga))
    return None


async def _diagnose_code(saga: Execution) -> Trouble | None:
    """The trouble, if its workflow's task fails again and again, before the attribute says so."""
    if saga.described is None or saga.described.pending_workflow_task.attempt <= OFTEN:
        return None
    failed = find_failed_task(await _history(saga))
    if failed is None:
        return None
    why = failed.workflow_task_failed_event_attributes.failure.message
    said = f"the workflow's own code fails: {why}"
    return name_trouble(saga, Kind.PROBLEM, said, _untaken_since(saga))


def _diagnose_paused_activity(saga: Execution) -> Trouble | None:
    for pending in saga.described.pending_activities if saga.described else ():
        if pending.paused:
            why = f"somebody has paused its activity {pending.activity_type.name}"
            since = pending.pause_info.pause_time.ToDatetime(UTC)
            words = f"--activity-id {pending.activity_id}"
            return name_trouble(saga, Kind.PAUSED_ACTIVITY, why, since, words=words)
    return None


def _attributes(saga: Execution) -> dict[str, Any]:
    return {pair.key.name: pair.value for pair in saga.search_attributes}


async def _diagnose_slow(saga: Execution, late: timedelta | None) -> Trouble | None:
    if late is None or saga.start_time > datetime.now(UTC) - late:
        return None
    async for retried in list_retried(saga):
        since = await _asked_at(saga, retried.activity_id)
        kind = Kind.HELD_BACK if retried.is_held_back else Kind.RETRYING
        return name_trouble(saga, kind, retried.describe(), since, words=retried.foretell())
    if _attributes(saga).get("SagaState") != "waiting":
        return name_trouble(saga, Kind.SLOW, "open for long")
    if (since := _untaken_since(saga)) is None or since > datetime.now(UTC) - late:
        return None  # for a person or a partner, whose time is not up
    why = f"its time is up, or it was answered, and no worker has seen that since {since}"
    return name_trouble(saga, Kind.SLOW, why, since)


async def _asked_at(saga: Execution, activity_id: str) -> datetime | None:
    """When an activity was first asked for; what is pending tells when its last attempt was."""
    for event in (await _history(saga)).events:
        if event.activity_task_scheduled_event_attributes.activity_id == activity_id:
            return event.event_time.ToDatetime(UTC)
    return None


def _untaken_since(saga: Execution) -> datetime | None:
    """Since when there is something for a worker to do. Temporal itself sees to it in time."""
    if saga.described is None or not saga.described.HasField("pending_workflow_task"):
        return None
    return saga.described.pending_workflow_task.original_scheduled_time.ToDatetime(UTC)


async def _diagnose_closed(saga: Execution, audits: AuditOutlook) -> Trouble:
    history = await _history(saga)
    why, closed_at = f"the workflow is {saga.status}", saga.info.close_time.ToDatetime(UTC)
    if no := await _explain_no_order(saga, history):
        way_out = _name_way_out(saga, NO_ORDER)
        return Trouble(kind=Kind.ENDED, why=f"{why}: {no}", way_out=way_out, since=closed_at)
    by_audit, at = (await audits.see()).foretell(saga.id, closed_at)
    points = reset_points(history)
    else_ = (
        _name_way_out(saga, RESET, event=points[0]) if points else _name_way_out(saga, NEVER_BEGUN)
    )
    way_out = f"{by_audit}; {else_}"
    return Trouble(kind=Kind.ENDED, why=why, way_out=way_out, since=closed_at, audited_at=at)


async def _diagnose_unreadable(saga: Execution) -> Trouble | None:
    """The trouble, if its workflow's task fails again and again, and for its input."""
    if saga.described is None or saga.described.pending_workflow_task.attempt <= 1:
        return None
    history = await _history(saga)
    why = await unreadable(history, saga.client.namespace, saga.client.data_converter)
    if not why:
        return None
    is_none = await _explain_no_order(saga, history)
    way_out = _name_way_out(saga, NO_ORDER if is_none else READ_IT)
    return Trouble(kind=Kind.UNREADABLE, why=why, way_out=way_out, since=saga.start_time)


async def _explain_no_order(saga: Execution, history: WorkflowHistory) -> str:
    """Why it never was one of ours: nobody accepted it, it did nothing, and could do nothing."""
    if has_done(history) or "accepted" in saga.info.memo.fields:
        return ""
    if why := await unreadable(history, saga.client.namespace, saga.client.data_converter):
        return why
    return "it was refused at its start" if saga.status is Status.FAILED else ""


async def _history(saga: Execution) -> WorkflowHistory:
    handle = saga.client.get_workflow_handle(saga.id, run_id=saga.run_id)
    return await handle.fetch_history(rpc_timeout=RPC_TIMEOUT)


def tell_unjudged(saga: Execution, error: Exception) -> Trouble:
    """The trouble of one that cannot be judged, for this error of a codec, converter or history."""
    log.warning("troubles: cannot judge saga %s", saga.id, exc_info=error)
    return name_trouble(saga, Kind.UNKNOWN, f"it cannot be judged: {describe_error(error)}"[:500])


def name_trouble(
    saga: Execution, kind: Kind, why: str, since: datetime | None = None, *, words: str = ""
) -> Trouble:
    """A trouble of this saga, with what usually helps; since its start if no time is given.

    `words`: those of the command that helps which are known only here.
    """
    order_id = order_of(saga.id)
    words = words or f"saga explain {order_id} says which word helps"
    way_out = _name_way_out(saga, WAYS_OUT[kind], words=words)
    return Trouble(kind=kind, why=why, way_out=way_out, since=since or saga.start_time)


def _name_way_out(saga: Execution, way_out: str, **words: object) -> str:
    """With this saga's names in it, so that it can be run as it stands."""
    at = connection_options(saga.client)
    return way_out.format(saga=saga.id, order=order_of(saga.id), at=at, **words)
