"""A thousand subscribers of one API process, while orders flow and the process is killed."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from api.orders.place_order import order_id_for
from contracts.event_records import Position
from contracts.names import workflow_id
from tests.support.api_process import ApiProcess, running_api_process
from tests.support.databases import STATEMENTS, Server, counting_server
from tests.support.gates import BEFORE, Gate
from tests.support.sse import stream
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.world import World, running_world

pytestmark = pytest.mark.crowd
SUBSCRIBERS = 1000
OF_ALL = 600  # of them; the others follow an order each
ORDERS = 24
HELD = 4  # of them, which have followers before their first event
MOST_IDLE = 10  # statements a second, of all together
EVENTS = 3  # of an order: placed, item added, confirmed
SETTLE = 120.0
LOST = (OSError, asyncio.IncompleteReadError, TimeoutError)


@pytest_asyncio.fixture(scope="module")
async def counting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with counting_server(tmp_path_factory.mktemp("counting")) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def crowded(
    counting: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A world on a server that counts statements."""
    databases = await counting.databases()
    async with running_world(tmp_path_factory.mktemp("crowd"), databases) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def api(
    crowded: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ApiProcess]:
    async with running_api_process(crowded, tmp_path_factory.mktemp("api")) as running:
        yield running


@dataclass
class Subscriber:
    """Follows one path, comes back by id whenever it is cut off, and writes down what it saw.

    It hangs up by itself after some events, too, as phones do.
    """

    path: str
    leaves_after: int
    seen: str
    told: list[tuple[str, int]] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    async def follow(self, port: int) -> None:
        """For ever."""
        while True:
            try:
                async with stream(port, self.path, seen=self.seen) as live:
                    if live.status == 200:
                        self.connections += 1
                        self.connected.set()
                        async for event in live.events():
                            order = event.data.get("order_id") or self.path.split("/")[3]
                            self.told.append((order, event.data["version"]))
                            self.seen = event.id
                            if len(self.told) == self.leaves_after:
                                break
            except LOST:
                pass
            self.connected.clear()
            await asyncio.sleep(0.5)


async def place(http: httpx2.AsyncClient, key: str, user: str, sku: str) -> str:
    """Place an order, however often the API must be asked; its id."""
    items = [{"sku": sku, "quantity": 1}]
    body = {"customer_id": user, "items": items, "payment_method": "pm_card_visa"}
    async with asyncio.timeout(SETTLE):
        while True:
            try:
                answer = await http.post("/v1/orders", json=body, headers={"Idempotency-Key": key})
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 202:
                return str(answer.json()["id"])
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)


async def held(world: World, http: httpx2.AsyncClient, user: str, sku: str) -> tuple[str, Gate]:
    """An order that is accepted, and of which nothing is recorded yet."""
    key = uuid4().hex
    gate = world.gates.close(workflow_id(order_id_for(OPERATOR, key)), "order.create", BEFORE)
    order_id = await place(http, key, user, sku)
    await gate.wait_reached()
    return order_id, gate


async def test_each_of_a_thousand_is_told_every_event_once_and_in_order(
    crowded: World, counting: Server, api: ApiProcess
) -> None:
    dice = random.Random(7)
    user, sku = await crowded.user(), await crowded.product(stock=1000)
    async with api.client() as http:
        waiting = [await held(crowded, http, user, sku) for _ in range(HELD)]
        start = await crowded.services.orders.newest_event()
        memory = api.memory
        crowd = [Subscriber("/v1/events", dice.randint(1, 60), str(start)) for _ in range(OF_ALL)]
        for n in range(SUBSCRIBERS - OF_ALL):
            path = f"/v1/orders/{waiting[n % HELD][0]}/events"
            crowd.append(Subscriber(path, dice.randint(1, 2), "0"))
        following = [asyncio.create_task(client.follow(api.port)) for client in crowd]
        try:
            async with asyncio.timeout(SETTLE):
                await asyncio.gather(*(client.connected.wait() for client in crowd))
            print(f"\na stream costs {(api.memory - memory) / SUBSCRIBERS / 1024:.0f} KiB")
            await idling(crowded, counting)
            orders = [order_id for order_id, _ in waiting]
            for n in range(ORDERS - HELD):
                orders.append(await place(http, uuid4().hex, user, sku))
                if n < HELD:
                    await waiting[n][1].open()
                if n == 2 * HELD:
                    api.kill()
            began = time.monotonic()
            telling = asyncio.create_task(told_everything(crowded, crowd, start, orders))
            await asyncio.wait({telling, *following}, return_when=asyncio.FIRST_COMPLETED)
            assert not any(item.done() for item in following), "a subscriber failed"
            await telling
            print(f"all were told everything {time.monotonic() - began:.1f} s after the last order")
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
    assert (
        sum(client.connections for client in crowd) >= 2 * SUBSCRIBERS
    )  # all came back, by their own will
    assert api.runner.restarts == 1


async def idling(world: World, counting: Server) -> None:
    """Nobody places an order: a thousand who follow cost a few statements a second, in all."""
    name = world.databases.order_database_url.rsplit("/", 1)[1]
    connection = await asyncpg.connect(counting.url("postgres"))

    async def statements(seconds: float) -> int:
        await connection.execute("SELECT pg_stat_statements_reset()")
        await asyncio.sleep(seconds)
        return int(await connection.fetchval(STATEMENTS, name))

    async def all_have_read_what_they_missed() -> bool:
        return await statements(2) <= 2 * MOST_IDLE

    try:
        await until(all_have_read_what_they_missed, within=SETTLE)
        calls = await statements(10)
        print(f"{calls} statements in 10 s for {SUBSCRIBERS} streams that wait")
        assert calls <= 10 * MOST_IDLE
    finally:
        await connection.close()


async def told_everything(
    world: World, crowd: Sequence[Subscriber], start: Position, orders: Sequence[str]
) -> None:
    """Each was told all that is on record behind the start, in this order, and nothing twice."""

    async def recorded() -> list[tuple[str, int]]:
        events = await world.services.orders.all_events(start, 10 * EVENTS * ORDERS)
        return [(event.stream_id, event.version) for event in events]

    async def all_recorded() -> bool:
        return len(await recorded()) >= EVENTS * ORDERS

    await until(all_recorded, within=SETTLE)
    whole = await recorded()
    assert sorted(whole) == sorted((order, n + 1) for order in orders for n in range(EVENTS))
    expected = [
        [item for item in whole if one.path == "/v1/events" or item[0] in one.path] for one in crowd
    ]

    async def all_told() -> bool:
        return all(
            len(one.told) >= len(client) for one, client in zip(crowd, expected, strict=True)
        )

    await until(all_told, within=SETTLE)
    assert [one.told for one in crowd] == expected
