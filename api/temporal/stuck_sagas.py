"""Sagas that are stuck: what is wrong with each, and the command that helps.

By what Temporal tells of them, whoever started them and however their status is called: one that
cannot be read hides no other. Lists, answers and `saga stuck` are made from this.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from temporalio.client import Client

from activities.executions import Execution, describe, list_executions
from api.temporal.audit_outlook import AuditOutlook
from api.temporal.diagnosis import diagnose, tell_unjudged
from api.temporal.errors import RPC_TIMEOUT
from api.temporal.troubles import Trouble
from contracts.workflow_io import SAGA_TYPES, any_of

log = logging.getLogger(__name__)
TYPES = any_of([kind.name for kind in SAGA_TYPES])
OPEN = f"{TYPES} AND CloseTime IS NULL"
FRESH = timedelta(seconds=5)  # what is younger may not show its state yet
MOST = 500
CANDIDATES = 2000  # of each query; a run that ended badly may have been healed by a later one
AT_ONCE = 8  # sagas that are looked into

Found = tuple[Execution, Trouble]


async def find_stuck(
    client: Client,
    *,
    late: timedelta | None,
    most: int = MOST,
    audits: AuditOutlook | None = None,
) -> list[Found]:
    """The first that are stuck; with `late`, also those that are open for longer than that.

    RPCError or RuntimeError if Temporal does not answer.
    """
    audits = audits or AuditOutlook(client)
    found: list[Found] = []
    async for saga_ids in _candidates(client, late):
        diagnosed = await asyncio.gather(
            *(_diagnose_newest_run(client, saga_id, late, audits) for saga_id in saga_ids)
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
    client: Client, saga_id: str, late: timedelta | None, audits: AuditOutlook
) -> Found | None:
    """Judge it by the newest run of the workflow: one that was reset goes on in another.

    One that cannot be judged is told of as such, and keeps nobody from the others.
    """
    saga = await describe(client, saga_id, rpc_timeout=RPC_TIMEOUT)
    if saga is None:
        return None
    try:
        trouble = await diagnose(saga, late, audits)
    except Exception as error:  # noqa: BLE001 - of whatever codec, converter or history
        trouble = tell_unjudged(saga, error)
    return (saga, trouble) if trouble else None


def _queries(late: timedelta | None) -> list[str]:
    fresh = (datetime.now(UTC) - FRESH).isoformat()
    queries = [
        f"{OPEN} AND SagaState = 'blocked'",
        f"{OPEN} AND ExecutionStatus != 'Running'",
        f"{OPEN} AND TemporalReportedProblems IS NOT NULL",
        f"{OPEN} AND TemporalPauseInfo IS NOT NULL",
        f"{OPEN} AND SagaState IS NULL AND StartTime < '{fresh}'",
        f"{TYPES} AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')",
    ]
    if late is not None:
        old = f"{OPEN} AND StartTime < '{(datetime.now(UTC) - late).isoformat()}'"
        queries += [f"{old} AND SagaState != 'waiting'", f"{old} AND SagaState = 'waiting'"]
    return queries
