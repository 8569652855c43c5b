"""Sagas that are stuck: what is wrong with each, and the command that helps.

By what Temporal tells of them, whoever started them and however their status is called: one that
cannot be read hides no other. Lists, answers and `saga stuck` are made from this.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import Client, WorkflowHistory

from activities.executions import Execution, Status, describe, list_executions
from api.temporal.histories import has_done, reset_points, unreadable
from contracts.base import Message
from contracts.names import order_of
from contracts.workflow_io import SAGA_TYPES, any_of
from saga.participant import Rejected

log = logging.getLogger(__name__)
TYPES = any_of([kind.name for kind in SAGA_TYPES])
OPEN = f"{TYPES} AND CloseTime IS NULL"
FRESH = timedelta(seconds=5)  # what is younger may not show its state yet
RPC_TIMEOUT = timedelta(seconds=5)
MOST = 500
CANDIDATES = 2000  # of each query; a run that ended badly may have been healed by a later one
AT_ONCE = 8  # sagas that are looked into


class Kind(StrEnum):
    """What is wrong."""

    BLOCKED = "blocked"
    PAUSED = "paused"
    UNREADABLE = "undecodable_input"
    PROBLEM = "problem"
    ENDED = "ended"
    UNKNOWN = "unknown_status"
    RETRYING = "retrying"
    SLOW = "slow"


# Of those whose workflow answers nobody until somebody helps.
CODES = {Kind.PAUSED: "saga_paused", Kind.UNREADABLE: "undecodable_input"}
BAD_ENDS = {Status.TERMINATED, Status.TIMED_OUT, Status.FAILED}
WAYS_OUT = {
    Kind.BLOCKED: "fix the cause, then: saga resolve STEP {saga} --action retry; "
    "see docs/runbooks/blocked.md",
    Kind.PAUSED: "let it go on: temporal workflow unpause -w {saga}; see docs/operating.md",
    Kind.PROBLEM: "its code fails: deploy what fixes it, after saga replay {saga}; "
    "see docs/runbooks/deploy.md",
    Kind.UNKNOWN: "look at temporal workflow describe -w {saga}",
    Kind.RETRYING: "fix what it waits for; it goes on by itself",
    Kind.SLOW: "look at saga explain {order}",
}
RESET = (
    "it was stopped from outside, and undid nothing: let it finish by temporal workflow reset "
    "-w {saga} --event-id {event} --reason …; see docs/runbooks/terminated.md"
)
NEVER_BEGUN = (
    "it was stopped before it began, and Temporal has nothing to reset it to: have it carried on "
    "by saga audit; see docs/runbooks/terminated.md"
)
NO_ORDER = (
    "somebody started it by hand; it is no order, and has done nothing. Remove it: "
    "temporal workflow delete -y -w {saga}; see docs/operating.md"
)
READ_IT = (
    "deploy what reads it, see docs/runbooks/deploy.md; or end it by temporal workflow terminate "
    "-w {saga} --reason …, and have the order carried on from its record by saga audit"
)


class Trouble(Message):
    """What is wrong with a saga, since when, and what helps, for operators."""

    kind: Kind
    why: str
    way_out: str


class InTrouble(Rejected):
    """A saga's workflow answers nobody until somebody helps: waiting and asking again do not."""

    def __init__(self, saga_id: str, trouble: Trouble) -> None:
        helps = "an operator must end that first, see GET /v1/sagas?attention=true"
        super().__init__(CODES[trouble.kind], f"{trouble.why}; {helps}")
        self.saga_id = saga_id
        self.trouble = trouble


Found = tuple[Execution, Trouble]


async def find_stuck(client: Client, *, late: timedelta | None, most: int = MOST) -> list[Found]:
    """The first that are stuck; with `late`, also those that are open for longer than that.

    RPCError or RuntimeError if Temporal does not answer.
    """
    found: list[Found] = []
    async for saga_ids in _candidates(client, late):
        diagnosed = await asyncio.gather(
            *(_diagnose_newest_run(client, saga_id, late) for saga_id in saga_ids)
        )
        found += [each for each in diagnosed if each is not None]
        if len(found) >= most:
            break
    return found[:most]


async def _candidates(client: Client, late: timedelta | None) -> AsyncIterator[list[str]]:
    """The ids that the queries find, in their order, each once, some at a time."""
    seen: set[str] = set()
    some: list[str] = []
    for query in _queries(late):
        count = 0
        async for saga in list_executions(client, query, limit=CANDIDATES, rpc_timeout=RPC_TIMEOUT):
            count += 1
            if saga.id not in seen:
                seen.add(saga.id)
                some.append(saga.id)
            if len(some) == AT_ONCE:
                yield some
                some = []
        if count == CANDIDATES:
            log.warning("troubles: looked at the first %d sagas only of: %s", count, query)
    yield some


async def _diagnose_newest_run(
    client: Client, saga_id: str, late: timedelta | None
) -> Found | None:
    """Judge it by the newest run of the workflow: one that was reset goes on in another.

    One that cannot be judged is told of as such, and keeps nobody from the others.
    """
    saga = await describe(client, saga_id, rpc_timeout=RPC_TIMEOUT)
    if saga is None:
        return None
    try:
        trouble = await diagnose(saga, late)
    except Exception as error:  # of whatever codec, converter or history
        log.warning("troubles: cannot judge saga %s", saga_id, exc_info=True)
        why = f"it cannot be judged: {type(error).__name__}: {error}"[:500]
        trouble = _trouble(saga, Kind.UNKNOWN, why)
    return (saga, trouble) if trouble else None


def _queries(late: timedelta | None) -> list[str]:
    fresh = (datetime.now(UTC) - FRESH).isoformat()
    queries = [
        f"{OPEN} AND SagaState = 'blocked'",
        f"{OPEN} AND ExecutionStatus != 'Running'",
        f"{OPEN} AND TemporalReportedProblems IS NOT NULL",
        f"{OPEN} AND SagaState IS NULL AND StartTime < '{fresh}'",
        f"{TYPES} AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')",
    ]
    if late is not None:
        old = f"{OPEN} AND StartTime < '{(datetime.now(UTC) - late).isoformat()}'"
        queries += [f"{old} AND SagaState != 'waiting'", f"{old} AND SagaState = 'waiting'"]
    return queries


async def find_why_silent(client: Client, saga_id: str) -> Trouble | None:
    """Why a saga's workflow answers nobody, if that is for a trouble of its own."""
    saga = await describe(client, saga_id, rpc_timeout=RPC_TIMEOUT)
    trouble = await diagnose(saga, None) if saga else None
    return trouble if trouble and trouble.kind in CODES else None


async def diagnose(saga: Execution, late: timedelta | None) -> Trouble | None:
    """What is wrong with it; None if nothing is, or nothing yet."""
    if saga.status in BAD_ENDS:
        return await _diagnose_closed(saga)
    if saga.status is Status.RUNNING:
        trouble = await _diagnose_unreadable(saga) or _diagnose_attributes(saga)
        return trouble or await _diagnose_slow(saga, late)
    if not saga.is_open:
        return None
    if saga.status is Status.PAUSED:
        return _trouble(saga, Kind.PAUSED, "somebody has paused its workflow")
    return _trouble(saga, Kind.UNKNOWN, "Temporal says of it what this release does not know")


def _diagnose_attributes(saga: Execution) -> Trouble | None:
    """What its search attributes say is wrong."""
    attributes = _attributes(saga)
    if attributes.get("SagaState") == "blocked":
        step = attributes.get("SagaStep", "an unknown step")
        return _trouble(saga, Kind.BLOCKED, f"blocked, last at {step}")
    if problems := attributes.get("TemporalReportedProblems"):
        return _trouble(saga, Kind.PROBLEM, f"the workflow's own code fails: {problems}")
    return None


def _attributes(saga: Execution) -> dict[str, Any]:
    return {pair.key.name: pair.value for pair in saga.search_attributes}


async def _diagnose_slow(saga: Execution, late: timedelta | None) -> Trouble | None:
    if late is None or saga.start_time > datetime.now(UTC) - late:
        return None
    async for failing in failures(saga):
        return _trouble(saga, Kind.RETRYING, failing)
    if _attributes(saga).get("SagaState") != "waiting":
        return _trouble(saga, Kind.SLOW, "open for long")
    if (since := _untaken_since(saga)) is None or since > datetime.now(UTC) - late:
        return None  # for a person or a partner, whose time is not up
    why = f"its time is up, or it was answered, and no worker has seen that since {since}"
    return _trouble(saga, Kind.SLOW, why)


def _untaken_since(saga: Execution) -> datetime | None:
    """Since when there is something for a worker to do. Temporal itself sees to it in time."""
    if saga.described is None or not saga.described.HasField("pending_workflow_task"):
        return None
    return saga.described.pending_workflow_task.original_scheduled_time.ToDatetime(UTC)


async def _diagnose_closed(saga: Execution) -> Trouble:
    history = await _history(saga)
    points = reset_points(history)
    way_out = RESET.format(saga=saga.id, event=points[0]) if points else NEVER_BEGUN
    why = f"the workflow is {saga.status}"
    if no := await _explain_no_order(saga, history):
        way_out, why = NO_ORDER.format(saga=saga.id), f"{why}: {no}"
    return Trouble(kind=Kind.ENDED, why=why, way_out=way_out)


async def _diagnose_unreadable(saga: Execution) -> Trouble | None:
    """The trouble, if its workflow's task fails again and again, and for its input."""
    if saga.described is None or saga.described.pending_workflow_task.attempt <= 1:
        return None
    history = await _history(saga)
    why = await unreadable(history, saga.client.namespace, saga.client.data_converter)
    if not why:
        return None
    way_out = NO_ORDER if await _explain_no_order(saga, history) else READ_IT
    return Trouble(kind=Kind.UNREADABLE, why=why, way_out=way_out.format(saga=saga.id))


async def _explain_no_order(saga: Execution, history: WorkflowHistory) -> str:
    """Why it never was one of ours: nobody accepted it, it did nothing, and could do nothing."""
    if has_done(history) or "accepted" in saga.info.memo.fields:
        return ""
    if why := await unreadable(history, saga.client.namespace, saga.client.data_converter):
        return why
    return "it was refused at its start" if saga.status is Status.FAILED else ""


async def failures(saga: Execution) -> AsyncIterator[str]:
    """The last failure of each activity that is tried again, in words; they may be encrypted."""
    for pending in saga.described.pending_activities if saga.described else ():
        if pending.attempt > 1:
            error = await saga.client.data_converter.decode_failure(pending.last_failure)
            what = f"{pending.activity_type.name} has failed {pending.attempt - 1} times: "
            yield what + getattr(error, "message", str(error))


async def _history(saga: Execution) -> WorkflowHistory:
    handle = saga.client.get_workflow_handle(saga.id, run_id=saga.run_id)
    return await handle.fetch_history(rpc_timeout=RPC_TIMEOUT)


def _trouble(saga: Execution, kind: Kind, why: str) -> Trouble:
    way_out = WAYS_OUT[kind].format(saga=saga.id, order=order_of(saga.id))
    return Trouble(kind=kind, why=why, way_out=way_out)
