"""Task queues as Temporal's server sees them: what waits there, and who works on it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from api.temporal.errors import RPC_TIMEOUT, translate_errors
from contracts.names import Queue

TYPES = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


@dataclass(frozen=True)
class Worker:
    """Who polls a queue, when it did so last, and the version of its code, if it says."""

    identity: str
    seen: datetime
    version: str


@dataclass(frozen=True)
class QueueState:
    """One queue for one kind of task. `backlog` tasks wait, the first for `oldest`."""

    queue: str
    kind: str
    backlog: int
    oldest: timedelta
    added: float  # tasks a second
    taken: float  # tasks a second
    workers: Sequence[Worker]


async def describe_queues(client: Client) -> list[QueueState]:
    """All queues; workflows have the first alone. Unavailable without Temporal."""
    asked = [(Queue.ORDERS, "workflow"), *((queue, "activity") for queue in Queue)]
    async with translate_errors():
        described = (_describe_queue(client, *question) for question in asked)
        return list(await asyncio.gather(*described))


async def _describe_queue(client: Client, queue: Queue, kind: str) -> QueueState:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TYPES[kind],
        report_stats=True,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    stats = answer.stats
    return QueueState(
        queue=queue,
        kind=kind,
        backlog=stats.approximate_backlog_count,
        oldest=stats.approximate_backlog_age.ToTimedelta(),
        added=stats.tasks_add_rate,
        taken=stats.tasks_dispatch_rate,
        workers=sorted(map(_worker, answer.pollers), key=lambda it: it.identity),
    )


def _worker(poller: PollerInfo) -> Worker:
    version = poller.deployment_options
    named = f"{version.deployment_name} {version.build_id}".strip()
    seen = poller.last_access_time.ToDatetime(UTC)
    return Worker(poller.identity, seen, named or poller.worker_version_capabilities.build_id)
