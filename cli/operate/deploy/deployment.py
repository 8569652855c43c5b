"""The versions of our workers, and which of them Temporal gives new sagas to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.deployment.v1 import RoutingConfig, WorkerDeploymentInfo
from temporalio.api.enums.v1 import TaskQueueType, WorkerVersioningMode
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cli.operate.errors import NoVersion
from contracts.names import Queue

API = "api"  # what the API calls itself on Temporal
UNVERSIONED = ""  # the build id of workers that say none
GONE = timedelta(seconds=90)  # a worker asks once a minute; one that is gone is listed for longer
VERSIONED = WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED


@dataclass(frozen=True)
class Version:
    """One version. `was_current` is when new sagas last began to go to it, if they ever did."""

    build_id: str
    was_current: datetime | None


@dataclass(frozen=True)
class Routing:
    """Where new sagas go: to `current`, but so many percent of them to `ramping`.

    A build id of "" stands for workers without a version; `ramping` is None if there is none.
    `since` is when that was last changed, by the server's clock.
    """

    current: str
    ramping: str | None
    percent: float
    versions: Sequence[Version]
    since: datetime | None

    @property
    def former(self) -> str:
        """What was current before: the version that was so last, or else workers without one."""
        found = [
            version
            for version in self.versions
            if version.was_current and version.build_id != self.current
        ]
        found.sort(key=lambda it: it.was_current or datetime.min)
        return found[-1].build_id if found else UNVERSIONED

    def knows(self, build_id: str) -> bool:
        """Whether workers of this version have ever been there."""
        return build_id in {version.build_id for version in self.versions}


class Deployment:
    """All versions of our workers together."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    async def routing(self) -> Routing:
        """How things stand. NoVersion if no workers have ever said their version."""
        request = DescribeWorkerDeploymentRequest(
            namespace=self.client.namespace, deployment_name=self.name
        )
        try:
            answer = await self.client.workflow_service.describe_worker_deployment(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise NoVersion(
                f"no workers of the deployment {self.name} are there: start some with "
                "TEMPORAL_WORKER_BUILD_ID set, or by saga worker --build-id …"
            ) from error
        return _routing(answer.worker_deployment_info)

    async def set_current(self, build_id: str) -> None:
        """Give all new sagas to it. The server refuses a version whose workers are not there."""
        await self.client.workflow_service.set_worker_deployment_current_version(
            SetWorkerDeploymentCurrentVersionRequest(
                namespace=self.client.namespace, deployment_name=self.name, build_id=build_id
            )
        )

    async def ramp(self, build_id: str, percent: float) -> None:
        """Give so many percent of new sagas to this version."""
        await self.client.workflow_service.set_worker_deployment_ramping_version(
            SetWorkerDeploymentRampingVersionRequest(
                namespace=self.client.namespace,
                deployment_name=self.name,
                build_id=build_id,
                percentage=percent,
            )
        )

    async def unramp(self) -> None:
        """Give all new sagas to the current version again."""
        await self.ramp(UNVERSIONED, 0)

    async def unversioned_workers(self) -> bool:
        """Whether workers without a version are there, which would take what no version does."""
        return any(
            worker.deployment_options.worker_versioning_mode != VERSIONED
            for worker in await self._list_workers()
        )

    async def refuse_working_api(self) -> None:
        """NoVersion if an API works, too: it begins all orders with its own code.

        That is so whatever version they are to go to.
        """
        if any(worker.identity == API for worker in await self._list_workers()):
            raise NoVersion(
                "the API has a worker of its own, and begins orders with its own code: start it "
                "without --work, or the stack by saga up --separate"
            )

    async def _list_workers(self) -> list[PollerInfo]:
        """Those of orders that are there now."""
        answer = await self.client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self.client.namespace,
                task_queue=TaskQueue(name=Queue.ORDERS),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
        late = datetime.now(UTC) - GONE
        return [
            poller for poller in answer.pollers if poller.last_access_time.ToDatetime(UTC) > late
        ]

    def label(self, build_id: str) -> str:
        """The version as visibility has it, in `TemporalWorkerDeploymentVersion`."""
        return f"{self.name}:{build_id}"


def _routing(info: WorkerDeploymentInfo) -> Routing:
    config = info.routing_config
    ramping = config.ramping_deployment_version.build_id or None
    return Routing(
        current=config.current_deployment_version.build_id,
        ramping=ramping,
        percent=config.ramping_version_percentage if ramping else 0,
        versions=[
            Version(summary.deployment_version.build_id, _time(summary.last_current_time))
            for summary in info.version_summaries
        ],
        since=_last_change(config),
    )


def _last_change(config: RoutingConfig) -> datetime | None:
    times = [
        _time(config.current_version_changed_time),
        _time(config.ramping_version_changed_time),
        _time(config.ramping_version_percentage_changed_time),
    ]
    return max((time for time in times if time is not None), default=None)


def _time(stamp: Any) -> datetime | None:
    """Of a protobuf timestamp; None if it is not set."""
    found: datetime = stamp.ToDatetime(UTC)
    return found if stamp.seconds else None
