"""What a saga runs in while it is verified: services, provider, Temporal and workers, all real.

The Temporal is the development server with a clock of its own for every workflow, which skips
whatever nobody works through; so runs do not wait for each other's time, as they would on the
older test server, whose clock is global.
"""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.testing import TimeSkipper, WorkflowEnvironment

from contracts.names import SEARCH_ATTRIBUTES, SERVICES, Queue
from infrastructure.database import Database
from infrastructure.settings import DatabaseSettings, ProviderSettings
from saga.participant.activity_errors import ServiceErrors
from sandbox.app import create_app
from services.composition import Services
from services.inventory.service import Inventory
from services.order.service import Orders
from services.payment.provider import Provider
from services.payment.service import Payments
from services.user.service import Users
from verifier.faults import Mode
from verifier.injector import Injector
from verifier.losses import LosingRunner, Losses
from verifier.narrow import narrow, narrow_lists
from verifier.remote import over_http
from workers.queues import worker_for, workers_for

KEY = "sk_test_of_the_verifier"
PROVIDER = "http://provider.test"
POOL = 20
SLOTS = 500

# A worker without a cache works on one task at a time.
EVICTED_WORKERS = 12

# A skip is a timer of the server, which looks at its timers once a second and 20 times at most by
# default. At 60 a second nobody waits, and the server has a tenth less to do than at 500.
DYNAMIC = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    "frontend.WorkflowPauseEnabled=true",
    "history.transferProcessorMaxPollRPS=60",
    "history.timerProcessorMaxPollRPS=60",
    'history.timerProcessorMaxTimeShift="10ms"',
    # Now and then, under load, the server skips time and does not look at its timers: the run then
    # stood still for up to 90 s, until it did so by itself. So it does every second.
    'history.timerProcessorMaxPollInterval="1s"',
    'history.transferProcessorMaxPollInterval="1s"',
    # A task that is lost again and again gets more time each time, up to ten minutes more.
    'history.workflowTaskRetryMaxInterval="1s"',
    # No partitions of queues, which pass tasks on to each other: one process polls them all.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)


@dataclass(frozen=True)
class World:
    """Everything a run needs, and everything an invariant may look at.

    `databases` are by service; `provider` speaks to the provider as its operator may. `begun`: when
    there was nothing yet of an order, by its id.
    """

    client: Client
    services: Services
    databases: dict[str, Database]
    provider: httpx2.AsyncClient
    injector: Injector
    losses: Losses
    begun: dict[str, datetime] = field(default_factory=dict)
    turn: Iterator[int] = field(default_factory=lambda: cycle(range(EVICTED_WORKERS)))

    def queue(self, mode: Mode) -> str:
        """A task queue whose worker runs workflows in this mode."""
        if mode is Mode.EVICTED:
            return evicted_queue(next(self.turn))
        return LOST_QUEUE if mode is Mode.LOST else Queue.ORDERS


LOST_QUEUE = f"{Queue.ORDERS}-{Mode.LOST}"


def evicted_queue(number: int) -> str:
    """One for each worker, since a queue has one worker of a process."""
    return f"{Queue.ORDERS}-{Mode.EVICTED}-{number}"


@asynccontextmanager
async def running_world(
    settings: DatabaseSettings,
    *,
    remote: bool = False,
    converter: DataConverter = pydantic_data_converter,
) -> AsyncIterator[World]:
    """Start all of it on migrated databases; stop it at the end.

    `remote`: the services are called over HTTP, as when they are processes of their own.
    `converter`: of all payloads, which it may encrypt.
    """
    async with AsyncExitStack() as stack:
        databases = {
            it: Database(getattr(settings, f"{it}_database_url"), pool_size=POOL) for it in SERVICES
        }
        for database in databases.values():
            stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(_sandbox())
        services = _services(databases, transport)
        if remote:
            services = await over_http(services, stack)
        begun: dict[str, datetime] = {}
        services = narrow(services, begun)
        stack.enter_context(narrow_lists())
        client = await stack.enter_async_context(_temporal(converter))
        injector, losses = Injector(), Losses()
        for worker in _workers(client, services, injector, losses):
            await stack.enter_async_context(worker)
        headers = {"Authorization": f"Bearer {KEY}"}
        provider = httpx2.AsyncClient(transport=transport, base_url=PROVIDER, headers=headers)
        await stack.enter_async_context(provider)
        yield World(client, services, databases, provider, injector, losses, begun)


@asynccontextmanager
async def _sandbox() -> AsyncIterator[httpx2.ASGITransport]:
    app = create_app(KEY, Path(":memory:"))
    async with app.router.lifespan_context(app):
        yield httpx2.ASGITransport(app)


def _services(databases: dict[str, Database], transport: httpx2.AsyncBaseTransport) -> Services:
    settings = ProviderSettings(payment_provider_url=PROVIDER, payment_provider_key=SecretStr(KEY))
    return Services(
        users=Users(databases["user"]),
        orders=Orders(databases["order"]),
        inventory=Inventory(databases["inventory"]),
        payments=Payments(databases["payment"], Provider(settings, transport=transport)),
        probes={},
    )


@asynccontextmanager
async def _temporal(converter: DataConverter) -> AsyncIterator[Client]:
    """A client whose workflows skip time, each on a clock of its own."""
    options = [word for value in DYNAMIC for word in ("--dynamic-config-value", value)]
    # Silent: what they would complain of are the faults that we make.
    runtime = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="off")))
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_extra_args=["--output", "none", *options],
        dev_server_log_level="never",
        runtime=runtime,
        search_attributes=[SearchAttributeKey.for_keyword(name) for name in SEARCH_ATTRIBUTES],
    )
    async with environment:
        host = environment.client.service_client.config.target_host
        client = await Client.connect(host, data_converter=converter, runtime=runtime)
        yield TimeSkipper(client).client


def _workers(
    client: Client, services: Services, injector: Injector, losses: Losses
) -> Sequence[Any]:
    """The project's workers for all queues, and one of workflows for each other mode.

    Without Temporal's sandbox, so that a mutant and a shorter deadline can be patched in. A
    workflow that is not deterministic fails on replay, in the evicted mode, anyway.
    """
    options: dict[str, Any] = {
        "interceptors": [injector, ServiceErrors()],
        "max_concurrent_activities": SLOTS,
        "max_concurrent_local_activities": SLOTS,
        "workflow_runner": LosingRunner(losses),
        # Workflows run on the one thread that all else runs on: no hand-over to others, and no
        # task that fails because this machine was busy for 2 s. One that hangs, hangs the run.
        "debug_mode": True,
    }
    beside = {**options, "no_remote_activities": True}  # only those of the fast path
    evicted = {**beside, "max_cached_workflows": 0}
    losing = LosingRunner(losses, every=True)
    return [
        *workers_for(client, Queue, services, **options),
        *(
            worker_for(client, Queue.ORDERS, services, task_queue=evicted_queue(it), **evicted)
            for it in range(EVICTED_WORKERS)
        ),
        worker_for(
            client,
            Queue.ORDERS,
            services,
            **(beside | {"task_queue": LOST_QUEUE, "workflow_runner": losing}),
        ),
    ]
