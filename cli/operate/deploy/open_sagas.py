"""The open sagas of a version: how many, which, and having another version go on with them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client

from activities.executions import list_executions
from cli.operate.deploy.deployment import Deployment
from cli.operate.histories import Named, fetch_histories
from cli.operate.replay import Replayed, replay_histories
from contracts.workflow_io import SAGA_TYPES, any_of

TYPES = any_of([*(kind.name for kind in SAGA_TYPES), "AuditOrders"])
OPEN = f"{TYPES} AND CloseTime IS NULL"  # a paused one is open, too
PINNED = VersioningOverride.PINNED_OVERRIDE_BEHAVIOR_PINNED


@dataclass(frozen=True)
class Moved:
    """What became of an open saga that another version was to go on with: why not, if it stays."""

    saga_id: str
    stays: str | None


def open_of(deployment: Deployment, build_id: str) -> str:
    """The query for the open sagas of a version; of "", for those that no version has begun."""
    if not build_id:
        return f"{OPEN} AND TemporalWorkerDeploymentVersion IS NULL"
    return f"{OPEN} AND TemporalWorkerDeploymentVersion = '{deployment.label(build_id)}'"


async def count(client: Client, query: str) -> int:
    """How many there are, as visibility has it, which lags a little."""
    return int((await client.count_workflows(query)).count)


async def ids(client: Client, query: str) -> list[str]:
    """Their workflow ids."""
    return [saga.id async for saga in list_executions(client, query)]


async def replay_open(client: Client, query: str) -> AsyncIterator[Replayed]:
    """Replay each of them against the code in the working folder. One that ends meanwhile too."""

    async def histories() -> AsyncIterator[Named]:
        async for history in fetch_histories(client, query):
            yield Named(history.workflow_id, history)

    async for replay in replay_histories(histories()):
        yield replay


async def move(deployment: Deployment, from_build: str, to_build: str) -> Sequence[Moved]:
    """Have `to_build` go on with the open sagas of `from_build`, if the code in the folder could.

    So it is to be run where the code of `to_build` is. What that code would do otherwise stays.
    """
    found = []
    async for item in replay_open(deployment.client, open_of(deployment, from_build)):
        if item.difference is None:
            await pin(deployment, item.workflow_id, to_build)
        found.append(Moved(item.workflow_id, item.difference))
    return found


async def pin(deployment: Deployment, saga_id: str, build_id: str) -> None:
    """Have the workers of a version go on with a saga; of "", whoever takes what none has begun."""
    version = WorkerDeploymentVersion(deployment_name=deployment.name, build_id=build_id)
    pinned = VersioningOverride.PinnedOverride(behavior=PINNED, version=version)
    override = (
        VersioningOverride(pinned=pinned) if build_id else VersioningOverride(auto_upgrade=True)
    )
    await deployment.client.workflow_service.update_workflow_execution_options(
        UpdateWorkflowExecutionOptionsRequest(
            namespace=deployment.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=saga_id),
            workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
            update_mask={"paths": ["versioning_override"]},  # type: ignore[arg-type] # protobuf takes it
        )
    )
