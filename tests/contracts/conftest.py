"""Each service three times: in this process, over HTTP on a real socket, and in memory."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.composition import open_remote
from services.inventory import wiring as inventory
from services.order import wiring as order
from services.payment import wiring as payment
from services.service_handle import ServiceHandle
from services.user import wiring as user
from tests.sandbox.process import KEY, Sandbox, running_sandbox
from tests.support.fakes.inventory import FakeInventory
from tests.support.fakes.orders import FakeOrders
from tests.support.fakes.payments import FakePayments
from tests.support.fakes.users import FakeUsers
from tests.support.remote import ISSUER, served_service, service_verifier

KINDS = ("in_process", "over_http", "in_memory")


@pytest_asyncio.fixture(scope="session")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """The sandbox provider."""
    async with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Where the service is."""
    return str(request.param)


@pytest_asyncio.fixture
async def users(kind: str, databases: DatabaseSettings) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        opening = user.open_service(databases.user_database_url)
        yield await somewhere(stack, kind, "user", opening, FakeUsers)


@pytest_asyncio.fixture
async def orders(kind: str, databases: DatabaseSettings) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        opening = order.open_service(databases.order_database_url)
        yield await somewhere(stack, kind, "order", opening, FakeOrders)


@pytest_asyncio.fixture
async def stock(kind: str, databases: DatabaseSettings) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        opening = inventory.open_service(databases.inventory_database_url)
        yield await somewhere(stack, kind, "inventory", opening, FakeInventory)


@pytest_asyncio.fixture
async def payments(kind: str, databases: DatabaseSettings, provider: Sandbox) -> AsyncIterator[Any]:
    settings = ProviderSettings(
        payment_provider_url=provider.url, payment_provider_key=SecretStr(KEY)
    )
    async with AsyncExitStack() as stack:
        opening = payment.open_service(databases.payment_database_url, settings)
        yield await somewhere(stack, kind, "payment", opening, FakePayments)


async def somewhere(
    stack: AsyncExitStack, kind: str, service: str, opening: Any, fake: Callable[[], Any]
) -> Any:
    """The service, where this run of the suite has it."""
    if kind == "in_memory":
        return fake()
    opened: ServiceHandle[Any] = await stack.enter_async_context(opening)
    if kind == "in_process":
        return opened.service
    create_app = import_module(f"services.{service}.http").create_app
    app = create_app(opened, service_verifier(service))
    url = await stack.enter_async_context(served_service(app))
    remote = open_remote(service, url, ISSUER, "the-suite")
    return (await stack.enter_async_context(remote)).service
