"""Who hears of orders: a consumer of the bus, a customer's webhook, and a live stream."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

import httpx2

from contracts.events.cloudevents import CloudEvent
from contracts.names import ORDER_EVENTS
from infrastructure.cancellation import not_cancelled
from infrastructure.http.ssrf_safe_client import PublicHttp
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
from relay.relays import OUTBOXES, open_relays
from services.event.deliveries import CONSUMER, Deliveries
from services.event.tables import bus as bus_tables
from services.event.webhooks import Webhooks
from tests.support.sse import Stream, stream
from tests.support.waiting import until
from tests.support.wire import serve
from tests.support.world import World, api_app
from tests.webhooks.parts import Receiver, message, receiving
from workers.webhooks import starting, worker_of

DRILL = "drill"  # the subscription of the consumer
LOOPBACK = (ip_network("127.0.0.0/8"),)
CONFIRMED = "order.confirmed"
WITHIN = 30.0


@dataclass
class Ears:
    """What was heard, by who heard it: ids of orders that were told to be confirmed.

    `last_id` is where a client of the live stream stood when it lost its connection.
    """

    receiver: Receiver
    customer: str = ""
    last_id: str = "0-0"
    heard: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["Ears"]:
        """A receiver of webhooks that is up from now on."""
        async with receiving() as receiver:
            yield cls(receiver)

    async def take(self, event: CloudEvent) -> float | None:
        """What the bus delivers."""
        if event.type == CONFIRMED:
            self.heard["bus"].add(event.subject)
        return None

    def of_webhooks(self) -> set[str]:
        """What the customer's webhook was sent."""
        bodies = [message(item) for item in self.receiver.accepted]
        return {body["data"]["order_id"] for body in bodies if body["type"] == CONFIRMED}

    async def hear(self, order_ids: set[str]) -> None:
        """Until all three have heard of these orders. AssertionError names who has not."""

        async def so() -> bool:
            self.heard["webhook"] = self.of_webhooks()
            return all(order_ids <= self.heard[name] for name in ("bus", "webhook", "stream"))

        try:
            await until(so, within=WITHIN)
        except TimeoutError:
            silent = {
                name: len(order_ids - self.heard[name]) for name in ("bus", "webhook", "stream")
            }
            raise AssertionError(f"new events are not heard of: {silent}") from None

    async def settled(self, world: World) -> None:
        """Remember where the live stream is."""
        self.last_id = str(await world.services.orders.newest_event())


@asynccontextmanager
async def listening(world: World, ears: Ears) -> AsyncIterator[None]:
    """Relays, the consumer, what sends webhooks, and a client of the live stream, at work."""
    urls = {outbox: getattr(world.databases, f"{outbox}_database_url") for outbox in OUTBOXES}
    event_url = world.databases.event_database_url
    async with AsyncExitStack() as stack:
        database = Database(event_url, pool_size=5)
        stack.push_async_callback(database.close)
        if not ears.customer:
            await _register(world, ears, database)
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        deliveries = Deliveries(database, PublicHttp(http, LOOPBACK))
        bus = await stack.enter_async_context(open_postgres_bus(event_url, bus_tables))
        relays = await stack.enter_async_context(open_relays(urls, bus))
        await stack.enter_async_context(worker_of(world.client, deliveries))
        works = [relay.run() for relay in relays]
        works.append(bus.consume(DRILL, ears.take))
        works.append(bus.consume(CONSUMER, starting(world.client, database, deliveries).deliver))
        works.append(_follow(world, ears))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield
            assert not [item for item in tasks if item.done()], "who hears of events has ended"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _register(world: World, ears: Ears, database: Database) -> None:
    ears.customer = await world.user()
    await Webhooks(database).register(ears.customer, ears.receiver.url, [])


async def _follow(world: World, ears: Ears) -> None:
    """A client of the live stream: goes on behind what it saw, or where it is told to."""
    notifications = NotificationListener(world.databases.order_database_url, ORDER_EVENTS)
    app = api_app(world.client, world.services, notifications=notifications)
    async with serve(app) as api:
        seen = ears.last_id
        while not_cancelled():
            async with stream(api.port, "/v1/events", seen=seen) as live:
                if live.status == 200:
                    await _hear(live, ears)
                seen = live.headers.get("last-event-id") or live.last_id


async def _hear(live: Stream, ears: Ears) -> None:
    async for event in live.events():
        if event.type == "OrderConfirmed":
            ears.heard["stream"].add(event.data["order_id"])
