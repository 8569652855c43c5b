"""What the tests share: one PostgreSQL with the services on it, and a Temporal with a worker."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from travel.queue import QUEUE
from travel.world import World, temporary_world


@pytest_asyncio.fixture(scope="session")
async def world() -> AsyncIterator[World]:
    """The services. Each test uses a trip of its own: `make_trip`."""
    async with temporary_world() as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def client(world: World) -> AsyncIterator[Client]:
    """Of a server that can skip time, with a worker of both sagas."""
    server = WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_extra_args=[
            *("--output", "none"),
            *("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"),
        ],
        dev_server_log_level="never",
    )
    async with await server as temporal:
        host = temporal.client.service_client.config.target_host
        client = await Client.connect(host, data_converter=world.converter)
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=world.workflows,
            activities=world.activities,
            interceptors=world.interceptors,
        ):
            yield client
