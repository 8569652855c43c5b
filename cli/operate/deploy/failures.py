"""What goes wrong with the sagas of a new version.

A workflow task that fails is the code's fault: a saga is stuck there. An order that ends badly,
is blocked or is retried for long may be the world's fault too, so a few are tolerated.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest

from activities.executions import Execution, describe, list_executions
from cli.operate.deploy.deployment import Deployment
from cli.operate.deploy.open_sagas import OPEN, TYPES, count

BADLY = "(ExecutionStatus IN ('Failed', 'TimedOut') OR OrderStatus IN ('timed_out', 'blocked'))"
RETRIED = 4  # attempts of an activity after which its saga counts as one that goes badly
MOST = 200  # open sagas that are looked at, newest first


@dataclass
class Troubles:
    """Of a version, since a moment: why sagas are stuck, which go badly, how many have ended."""

    standing: dict[str, str] = field(default_factory=dict)
    badly: dict[str, str] = field(default_factory=dict)
    ended: int = 0

    @property
    def percent(self) -> float:
        """How many of all that have ended or go badly do so, of a hundred."""
        return 100 * len(self.badly) / max(1, len(self.badly) + self.ended)


async def look(deployment: Deployment, build_id: str, since: datetime) -> Troubles:
    """Look once. `since` is by the server's clock."""
    client, found = deployment.client, Troubles()
    own = f"TemporalWorkerDeploymentVersion = '{deployment.label(build_id)}'"
    began = f"StartTime >= '{since.isoformat()}'"
    async for saga in list_executions(client, f"{TYPES} AND {own} AND {began} AND {BADLY}"):
        found.badly[saga.id] = f"its order goes badly; the workflow is {saga.status}"
    async for description in _open(deployment, build_id):
        await _judge(deployment, description, since, found)
    ended = f"{TYPES} AND {own} AND {began} AND ExecutionStatus IN ('Completed', 'Canceled')"
    found.ended = max(0, await count(client, ended) - len(found.badly))
    return found


async def _open(deployment: Deployment, build_id: str) -> AsyncIterator[Execution]:
    """The newest open sagas of the version; also such as have never got past their first task."""
    label = deployment.label(build_id)
    unversioned = "TemporalWorkerDeploymentVersion IS NULL"
    query = f"{OPEN} AND (TemporalWorkerDeploymentVersion = '{label}' OR {unversioned})"
    async for found in list_executions(deployment.client, query, limit=MOST):
        saga = await describe(deployment.client, found.id)
        if saga is None:
            continue
        info = saga.info.versioning_info
        versions = {
            info.version_transition.deployment_version.build_id,
            info.deployment_version.build_id,
        }
        if build_id in versions:
            yield saga


async def _judge(deployment: Deployment, saga: Execution, since: datetime, found: Troubles) -> None:
    """One open saga. What it was retried for may be older than the version, if it is itself."""
    assert saga.described is not None  # noqa: S101 - `_open` has described it
    if saga.described.pending_workflow_task.attempt > 1 and (
        why := await _failed_task(deployment, saga.id)
    ):
        found.standing[saga.id] = why
    for pending in saga.described.pending_activities:
        if pending.attempt >= RETRIED and saga.start_time >= since:
            last = pending.last_failure.message
            found.badly[saga.id] = f"{pending.activity_type.name} keeps failing: {last}"


async def _failed_task(deployment: Deployment, saga_id: str) -> str | None:
    """Why its last workflow task failed; None if it did not: its worker may just have gone."""
    answer = await deployment.client.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=deployment.client.namespace,
            execution=WorkflowExecution(workflow_id=saga_id),
            maximum_page_size=1,
        )
    )
    for event in answer.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return event.workflow_task_failed_event_attributes.failure.message or "it failed"
    return None
