"""A Temporal that skips time, the event database, and all that sends webhooks."""

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.testing import WorkflowEnvironment

from contracts.events.cloudevents import CloudEvent
from contracts.webhooks import QUEUE, DeliveryRun, DeliveryState
from infrastructure.http.ssrf_safe_client import PublicHttp, Resolve, resolve
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from services.event.deliveries import Deliveries, delivery_id
from services.event.webhooks import Webhooks
from workers.webhooks import starting, worker_of
from workflows.deliver_webhook import DeliverWebhook

SERVER = str(Path(sys.executable).parent / "temporal-test-server")
LOOPBACK = (ip_network("127.0.0.0/8"),)
HANGS = 2.0  # seconds that a request may take here


@dataclass
class Sending:
    """Everything that sends webhooks."""

    environment: WorkflowEnvironment
    database: Database
    webhooks: Webhooks
    deliveries: Deliveries

    @property
    def client(self) -> Client:
        """Of the server that skips time."""
        return self.environment.client

    async def deliver(self, event: CloudEvent) -> float | None:
        """Hand in what a bus delivers."""
        return await starting(self.client, self.database, self.deliveries).deliver(event)

    async def ended(self, webhook_id: str, event: CloudEvent, run: int = 1) -> DeliveryState:
        """How the delivery ended, which has begun; time is skipped meanwhile.

        Only a handle that comes from starting skips time, so this starts it again, in vain.
        """
        found = DeliveryRun(delivery_id=delivery_id(webhook_id, event.id), run=run)
        begun: WorkflowHandle[DeliverWebhook, DeliveryState] = self.client.get_workflow_handle(
            found.workflow_id, result_type=DeliveryState
        )
        await begun.describe()
        with contextlib.suppress(WorkflowAlreadyStartedError):  # then it has ended
            begun = await self.client.start_workflow(
                DeliverWebhook.run,
                found,
                id=found.workflow_id,
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        return await begun.result()


Open = Callable[..., AbstractAsyncContextManager[Sending]]


@pytest_asyncio.fixture(scope="package")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal that skips time."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=SERVER, data_converter=pydantic_data_converter
    ) as running:
        yield running


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    """The event database."""
    opened = Database(databases.event_database_url)
    yield opened
    await opened.close()


@pytest.fixture
def open_sending(skipping: WorkflowEnvironment, database: Database) -> Open:
    """Opens all that sends, with another way to find addresses if one is given."""

    @contextlib.asynccontextmanager
    async def opened(find: Resolve = resolve) -> AsyncIterator[Sending]:
        async with httpx2.AsyncClient(trust_env=False) as http:
            public = PublicHttp(http, LOOPBACK, find=find, timeout=HANGS)
            deliveries = Deliveries(database, public)
            async with worker_of(skipping.client, deliveries):
                yield Sending(skipping, database, Webhooks(database), deliveries)

    return opened


@pytest_asyncio.fixture
async def sending(open_sending: Open) -> AsyncIterator[Sending]:
    """All that sends."""
    async with open_sending() as opened:
        yield opened
