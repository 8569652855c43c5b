"""A world whose workers say no version, and workers of versions beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest
from temporalio.service import RPCError, RPCStatusCode

from cli.operate.deploy.deployment import UNVERSIONED, Deployment
from cli.operate.deploy.rollout import Pace
from contracts.names import Queue
from saga.participant.activity_errors import ServiceErrors
from tests.support.databases import Server
from tests.support.gates import Gates
from tests.support.waiting import until
from tests.support.world import World, running_world
from workers.deployment_version import DEPLOYMENT, VersionSettings
from workers.registration import worker_for
from workflows.return_order import ReturnOrder

WORKFLOWS = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
EVERY = 0.3  # seconds between customers' orders, so that what they cost is bounded
QUICKLY = Pace(steps=(50, 100), seconds=1, orders=2, patience=60)


@dataclass
class Versions:
    """The world, its deployment, and what the commands have said."""

    world: World
    deployment: Deployment
    said: list[str]

    async def version_of(self, order_id: str) -> str:
        """The version that the order's saga is with; "" if it is with none."""
        described = await self.world.handle(order_id).describe()
        info = described.raw_description.workflow_execution_info.versioning_info
        return str(info.deployment_version.build_id)

    async def placed(self, count: int) -> list[tuple[str, str]]:
        """So many orders, side by side: (order id, SKU)."""
        user = await self.world.user()

        async def one() -> tuple[str, str]:
            sku = await self.world.product()
            return await self.world.place(sku, user=user), sku

        return list(await asyncio.gather(*(one() for _ in range(count))))

    @asynccontextmanager
    async def trade(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Orders that keep coming meanwhile; all are confirmed in the end, with true books."""
        found: list[tuple[str, str]] = []
        closing = asyncio.Event()

        async def going_on() -> None:
            while not closing.is_set():
                found.extend(await self.placed(3))
                await asyncio.sleep(EVERY)

        trading = asyncio.create_task(going_on())
        try:
            yield found
        finally:
            closing.set()
            await trading
        for order_id, sku in found:
            await self.world.settled(order_id, sku, "confirmed")

    @asynccontextmanager
    async def workers(
        self, build_id: str, *workflows: type[Any], gates: Gates | None = None
    ) -> AsyncIterator[None]:
        """Workers of this version, of all queues; `workflows` are its code, if not ours."""
        version = VersionSettings(temporal_worker_build_id=build_id).deployment()
        options: dict[str, Any] = {
            "deployment_config": version,
            "interceptors": [gates or self.world.gates, ServiceErrors()],
        }
        async with AsyncExitStack() as stack:
            for queue in Queue:
                code = {"workflows": [*workflows, ReturnOrder]} if workflows else {}
                code = code if queue is Queue.ORDERS else {}
                worker = worker_for(
                    self.world.client, queue, self.world.services, **options, **code
                )
                await stack.enter_async_context(worker)
            await until(lambda: self._known(build_id))
            yield

    async def _known(self, build_id: str) -> bool:
        """Whether Temporal has heard of all its queues: what lacks one cannot become current."""
        request = DescribeWorkerDeploymentVersionRequest(
            namespace=self.world.client.namespace,
            deployment_version=WorkerDeploymentVersion(
                deployment_name=DEPLOYMENT, build_id=build_id
            ),
        )
        service = self.world.client.workflow_service
        try:
            answer = await service.describe_worker_deployment_version(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        heard = {(queue.name, queue.type) for queue in answer.version_task_queues}
        return heard >= {(Queue.ORDERS, WORKFLOWS)} | {(queue, ACTIVITIES) for queue in Queue}

    def say(self, what: str) -> None:
        self.said.append(what)


@pytest_asyncio.fixture(scope="module")
async def own_world(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A world of its own: where new orders go would matter to other tests too."""
    databases = await server.databases()
    folder = tmp_path_factory.mktemp("versions")
    async with running_world(folder, databases, separate=True) as running:
        yield running


@pytest_asyncio.fixture
async def versions(own_world: World) -> AsyncIterator[Versions]:
    """New orders go to workers without a version, before and after."""
    found = Versions(own_world, Deployment(own_world.client, DEPLOYMENT), [])
    yield found
    await found.deployment.unramp()
    await found.deployment.set_current(UNVERSIONED)
