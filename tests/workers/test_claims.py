"""Two installations on one namespace of Temporal: the second is refused, and told what to do."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleState,
)

from contracts.audits import AuditRequest
from contracts.names import AUDIT_SCHEDULE, AUDITS, Queue
from contracts.orders import OrderService
from infrastructure.settings import DatabaseSettings
from local_stack.programs import program
from saga.participant import Unavailable
from services.order.wiring import open_service
from tests.support.databases import Server
from tests.support.tokens import AUDIENCE, ISSUER
from tests.support.world import PROVIDER_KEY, World
from workers import schedules
from workers.claims import CLAIM, NamespaceTaken, claim, claiming
from workflows.audit_orders import AuditOrders

BOUND = 60.0  # seconds


class _Late:
    """An order service that cannot be reached at first; it has nothing but what a claim asks."""

    def __init__(self, orders: OrderService) -> None:
        self._orders = orders
        self._asked = 0

    async def installation(self) -> str:
        self._asked += 1
        if self._asked == 1:
            raise Unavailable("not yet")
        return await self._orders.installation()


@asynccontextmanager
async def orders_of(url: str) -> AsyncIterator[OrderService]:
    async with open_service(url) as order:
        yield order.service


async def test_a_second_installation_is_refused_and_a_restored_one_is_not(
    world: World, server: Server
) -> None:
    await claim(world.client, world.services.orders)
    await claim(world.client, world.services.orders)
    other = await server.databases()
    async with orders_of(str(other.order_database_url)) as orders:
        with pytest.raises(NamespaceTaken, match=f"schedule delete --schedule-id {CLAIM}"):
            await claim(world.client, orders)
    name = str(other.order_database_url).rpartition("/")[2]
    ours = await world.services.orders.installation()
    async with orders_of(str(other.order_database_url)) as orders:
        theirs = await orders.installation()
    await world.client.get_schedule_handle(CLAIM).delete()  # given away, as the message says
    await server.execute(f"CREATE DATABASE {name}_restored TEMPLATE {name}")
    restored = server.url(f"{name}_restored").replace("postgresql://", "postgresql+asyncpg://")
    async with orders_of(str(other.order_database_url)) as orders:
        await claim(world.client, orders)
    async with orders_of(restored) as orders:
        assert await orders.installation() == theirs != ours
        await claim(world.client, orders)
    await world.client.get_schedule_handle(CLAIM).delete()


def environment_of(world: World, databases: DatabaseSettings, keys: Path) -> dict[str, str]:
    keys.write_text(ISSUER.key.jwks)
    return {
        **{name.upper(): str(url) for name, url in databases},
        "TEMPORAL_ADDRESS": world.address,
        "PAYMENT_PROVIDER_URL": world.provider.url,
        "PAYMENT_PROVIDER_KEY": PROVIDER_KEY,
        "API_AUTH_ISSUER": ISSUER.name,
        "API_AUTH_AUDIENCE": AUDIENCE,
        "API_AUTH_JWKS": str(keys),
        "PYTHONPATH": ":".join(sys.path),
    }


async def test_neither_workers_nor_api_of_a_second_installation_start(
    world: World, server: Server, tmp_path: Path
) -> None:
    await claim(world.client, world.services.orders)
    environment = environment_of(world, await server.databases(), tmp_path / "jwks.json")
    for name in ("saga-worker", "saga-api"):
        options = ("--port", "0") if name == "saga-api" else ()
        process = await asyncio.create_subprocess_exec(
            *program(name, *options),
            env=environment,
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(BOUND):
            _, said = await process.communicate()
        assert process.returncode != 0
        assert b"belongs to installation" in said
    await world.client.get_schedule_handle(CLAIM).delete()


async def until_ended(client: Client, orders: OrderService, ended: asyncio.Event) -> None:
    async with claiming(client, orders, ended.set), asyncio.timeout(BOUND):
        await ended.wait()


async def test_one_that_cannot_tell_yet_is_ended_once_it_can(world: World, server: Server) -> None:
    """Temporal, or the order service, may come up later than the API."""
    await claim(world.client, world.services.orders)
    other = await server.databases()
    late = await Client.connect(
        world.address, lazy=True, data_converter=world.client.data_converter
    )
    ended = asyncio.Event()
    async with orders_of(str(other.order_database_url)) as orders:
        slow = cast("OrderService", _Late(orders))
        with pytest.raises(NamespaceTaken):
            await until_ended(late, slow, ended)
    await world.client.get_schedule_handle(CLAIM).delete()


async def test_the_schedule_of_an_older_release_gets_the_new_action_and_keeps_its_time(
    world: World,
) -> None:
    with_theirs = ScheduleActionStartWorkflow(
        AuditOrders.run, AuditRequest(), id=AUDIT_SCHEDULE, task_queue=Queue.ORDERS
    )
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=schedules.EVERY * 3)])
    state = ScheduleState(paused=True, note="by an operator")
    await world.client.create_schedule(
        AUDIT_SCHEDULE, Schedule(action=with_theirs, spec=spec, state=state)
    )
    handle = world.client.get_schedule_handle(AUDIT_SCHEDULE)
    for _ in range(2):
        await schedules.ensure(world.client)
        found = (await handle.describe()).schedule
        assert isinstance(found.action, ScheduleActionStartWorkflow)
        assert found.action.task_queue == AUDITS
        assert found.spec.intervals[0].every == schedules.EVERY * 3
        assert (found.state.paused, found.state.note) == (True, "by an operator")
    await handle.delete()
