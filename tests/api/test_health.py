"""Live asks nothing of others; ready names what is missing, and becomes ready when it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import text
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.provider_health import ProviderHealth
from cli.health import describe_health
from contracts.names import DATABASES, SERVICES
from contracts.payments import KeptPage
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings, ProviderSettings
from saga.participant import Unavailable
from services.composition import Services, open_services
from services.migrate import migrate
from tests.support.databases import Server
from tests.support.fakes.payments import FakePayments
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.wire import serve
from tests.support.world import World, api_app, running_api

CHECKS = {
    *(f"{DATABASES[service]}_database" for service in SERVICES),
    *("temporal", "search_attributes"),
}
PROVIDER = ProviderSettings.model_validate(
    {"payment_provider_url": "http://127.0.0.1:1", "payment_provider_key": "none"}
)


async def checks(client: Client, services: Services) -> dict[str, str]:
    """What `/health/ready` says, with the status that goes with it; live all the while."""
    async with running_api(client, services) as http:
        assert (await http.get("/health/live")).json() == {"status": "live"}
        answer = await http.get("/health/ready")
    found: dict[str, str] = answer.json()["checks"]
    healthy = set(found.values()) == {"ok"}
    assert answer.status_code == (200 if healthy else 503)
    assert answer.json()["status"] == ("ready" if healthy else "not_ready")
    assert set(found) == CHECKS
    return found


async def test_all_is_well(world: World) -> None:
    async def ready() -> bool:
        return set((await checks(world.client, world.services)).values()) == {"ok"}

    await until(ready)


async def test_a_provider_that_is_down_is_named_and_takes_nobody_out_of_service(
    world: World,
) -> None:
    async with open_services(world.databases, PROVIDER) as services:
        assert wrong(await checks(world.client, services)) == set()
        async with running_api(world.client, services) as http:
            told = (await http.get("/health/ready")).json()
        async with serve(api_app(world.client, services)) as served:
            url = f"http://127.0.0.1:{served.port}"
            (line,) = await asyncio.to_thread(lambda: [*describe_health(url)])
    assert "Unavailable: payment provider" in told["degraded"]["payment_provider"]
    assert line.startswith("payment_provider: Unavailable")
    assert (await world.rest("/health/ready"))["degraded"] == {}


async def test_a_provider_is_asked_seldom_however_often_health_is_asked_for() -> None:
    asked = []

    class Silent(FakePayments):
        async def kept_by_provider(self, *period: object) -> KeptPage:
            asked.append(period)
            raise Unavailable("the provider is away")

    health = ProviderHealth(Silent())
    told = [await health.find_wrong() for _ in range(20)]
    assert set(told) == {"Unavailable: the provider is away"}
    assert len(asked) == 1


async def test_a_provider_that_hangs_is_told_as_one_that_gives_no_answer() -> None:
    class Hanging(FakePayments):
        async def kept_by_provider(self, *period: object) -> KeptPage:
            await asyncio.Event().wait()
            raise AssertionError(f"{period} was answered")

    assert await ProviderHealth(Hanging()).find_wrong() == "TimeoutError: no answer in 0.8 s"


def test_an_api_that_does_not_answer_is_named() -> None:
    (line,) = describe_health(f"http://127.0.0.1:{free_port()}")
    assert line.startswith("the API does not answer")


def wrong(found: dict[str, str]) -> set[str]:
    return {name for name, said in found.items() if said != "ok"}


async def test_a_database_without_its_schema_is_named_until_it_is_migrated(
    world: World, server: Server
) -> None:
    name = f"unmigrated_{uuid4().hex[:8]}"
    await server.execute(f"CREATE DATABASE {name}")
    settings = DatabaseSettings.model_validate(
        world.databases.model_dump() | {"order_database_url": server.url(name)}
    )
    async with open_services(settings, PROVIDER) as services:
        found = await checks(world.client, services)
        assert wrong(found) == {"orders_database"}
        assert "run saga-migrate" in found["orders_database"]
        await migrate(settings)
        assert wrong(await checks(world.client, services)) == set()


@pytest.mark.parametrize(("revision", "ready"), [("0001", False), ("9999", True)])
async def test_an_old_schema_is_named_and_one_of_a_later_release_is_well(
    world: World, server: Server, revision: str, ready: bool
) -> None:
    settings = await server.databases()
    async with open_services(settings, PROVIDER) as services:
        await set_revision(settings.order_database_url, revision)
        assert wrong(await checks(world.client, services)) == (
            set() if ready else {"orders_database"}
        )


async def set_revision(url: str, revision: str) -> None:
    database = Database(url)
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    await database.close()


async def test_a_database_that_is_away_is_named(world: World) -> None:
    away = f"postgresql://nobody:x@127.0.0.1:{free_port()}/none"
    settings = DatabaseSettings.model_validate(
        world.databases.model_dump() | {"user_database_url": away}
    )
    async with open_services(settings, PROVIDER) as services:
        assert wrong(await checks(world.client, services)) == {"users_database"}


async def test_a_namespace_without_our_search_attributes_is_named(world: World) -> None:
    namespace = f"bare-{uuid4().hex[:8]}"
    retention = Duration()
    retention.FromTimedelta(timedelta(days=1))
    await world.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
    )
    client = await Client.connect(world.address, namespace=namespace)

    async def told() -> bool:  # a new namespace takes a moment to be known everywhere
        found = await checks(client, world.services)
        assert wrong(found) == {"search_attributes"}
        return "OrderStatus" in found["search_attributes"]

    await until(told, within=60)


async def test_temporal_may_come_after_the_api(world: World) -> None:
    port = free_port()
    client = await Client.connect(
        f"127.0.0.1:{port}", lazy=True, data_converter=pydantic_data_converter
    )
    assert wrong(await checks(client, world.services)) == {"temporal", "search_attributes"}
    async with forwarding(port, world.address):

        async def ready() -> bool:
            return not wrong(await checks(client, world.services))

        await until(ready, within=60)


@asynccontextmanager
async def forwarding(port: int, address: str) -> AsyncIterator[None]:
    """Temporal at this port too."""
    host, _, there = address.rpartition(":")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(there))
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(forward, "127.0.0.1", port)
    try:
        yield
    finally:
        listening.close()
