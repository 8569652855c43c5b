"""What sagas of orders run in while they are verified: services, provider and workers, all real."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr
from temporalio import activity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from contracts.names import SEARCH_ATTRIBUTES, SERVICES, Queue
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings, ProviderSettings
from invariants.http_services import over_http
from invariants.narrow_audits import narrow, narrow_lists
from saga.participant.activity_errors import ServiceErrors
from saga.verify.environment.environment import (
    Environment,
    temporal_server,
    worker_options,
    workers_of_workflows,
)
from saga.verify.injection.interceptor import Injector
from saga.verify.injection.worker_crash import LostTasks
from sandbox.app import create_app
from services.composition import Services
from services.inventory.service import Inventory
from services.order.service import Orders
from services.payment.provider.client import Provider
from services.payment.service import Payments
from services.user.service import Users
from workers.registration import worker_for, workers_for

REPAIRS = {"audit.begin", "audit.repair"}  # of this release and of those before
KEY = "sk_test_of_the_verifier"
PROVIDER = "http://provider.test"
POOL = 20


class RepairHook(Interceptor):
    """Has something happen between what an audit finds and its first repair."""

    def __init__(self) -> None:
        self.what: dict[str, Callable[[], Awaitable[None]]] = {}

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity."""
        return _Repairing(next, self.what)


class _Repairing(ActivityInboundInterceptor):
    def __init__(
        self, inner: ActivityInboundInterceptor, what: dict[str, Callable[[], Awaitable[None]]]
    ) -> None:
        super().__init__(inner)
        self._what = what

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        if (happens := self._what.get(info.workflow_id or "")) and info.activity_type in REPAIRS:
            await happens()
        return await super().execute_activity(input)


@dataclass(frozen=True, kw_only=True)
class OrderWorld(Environment):
    """Everything a run needs, and everything an invariant may look at.

    `databases` are by service; `provider` speaks to the provider as its operator may. `begun`: when
    there was nothing yet of an order, by its id. `between`, by an audit's workflow id: what happens
    when it has found what is wrong, and not repaired it yet.
    """

    services: Services
    databases: dict[str, Database]
    provider: httpx2.AsyncClient
    begun: dict[str, datetime]
    between: RepairHook


@asynccontextmanager
async def running_order_world(
    settings: DatabaseSettings,
    *,
    remote: bool = False,
    converter: DataConverter = pydantic_data_converter,
) -> AsyncIterator[OrderWorld]:
    """Start all of it on migrated databases; stop it at the end.

    `remote`: the services are called over HTTP, as when they are processes of their own.
    `converter`: of all payloads, which it may encrypt.
    """
    async with AsyncExitStack() as stack:
        databases = {
            service: Database(getattr(settings, f"{service}_database_url"), pool_size=POOL)
            for service in SERVICES
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
        server = temporal_server(converter=converter, searchable=SEARCH_ATTRIBUTES)
        client = await stack.enter_async_context(server)
        injector, lost_tasks, between = Injector(), LostTasks(), RepairHook()
        options = worker_options(injector, lost_tasks, [between, ServiceErrors()])
        orders = partial(worker_for, client, Queue.ORDERS, services)
        for worker in (
            *workers_for(client, Queue, services, **options),
            *workers_of_workflows(Queue.ORDERS, lost_tasks, options, orders),
        ):
            await stack.enter_async_context(worker)
        headers = {"Authorization": f"Bearer {KEY}"}
        provider = httpx2.AsyncClient(transport=transport, base_url=PROVIDER, headers=headers)
        await stack.enter_async_context(provider)
        yield OrderWorld(
            client=client,
            home=Queue.ORDERS,
            injector=injector,
            lost_tasks=lost_tasks,
            services=services,
            databases=databases,
            provider=provider,
            begun=begun,
            between=between,
        )


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
