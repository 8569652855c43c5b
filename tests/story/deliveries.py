"""What a customer's webhook receives of an order: made and sent by ours, over HTTP, verified."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from contracts.events.cloudevents import CloudEvent
from contracts.names import ORDER_EVENTS
from contracts.webhooks import Attempt, DeliveryState, WebhookWithSecret
from infrastructure.http.ssrf_safe_client import open_public_http
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.messaging.relay import Relay
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
from relay.relays import OUTBOXES
from services.event.deliveries import Deliveries, delivery_id
from services.event.tables import bus
from services.event.webhooks import Webhooks
from tests.support.world import World
from tests.webhooks.conftest import LOOPBACK
from tests.webhooks.parts import Receiver, receiving

OUTBOX = text("SELECT * FROM outbox WHERE subject = :its ORDER BY position")


@dataclass
class Subscriber:
    """A webhook of each customer who is asked for; all lead to one receiver."""

    orders: Database
    events: Database
    relay: Relay
    deliveries: Deliveries
    receiver: Receiver
    registered: dict[str, WebhookWithSecret] = field(default_factory=dict)

    async def read(self, order_id: str) -> list[dict[str, Any]]:
        """The bodies that have come for the order, in the order of what happened."""
        async with self.orders.transaction() as tx:
            rows = (await tx.execute(OUTBOX, {"its": order_id})).mappings().all()
        return [await self._deliver(self.relay._envelope(row)) for row in rows]

    async def _deliver(self, event: CloudEvent) -> dict[str, Any]:
        """As the process of webhooks does; what was delivered before is not sent again."""
        webhook = await self._register(event.data["customer_id"])
        async with self.events.transaction() as tx:
            await self.deliveries.take(tx, event)
        its = delivery_id(webhook.id, event.id)
        tried = await self.deliveries.attempt(Attempt(delivery_id=its, run=1, final=False))
        assert tried.state is DeliveryState.DELIVERED
        (request,) = (each for each in self.receiver.accepted if each.headers["webhook-id"] == its)
        body: dict[str, Any] = request.verified(webhook.secret)
        return body

    async def _register(self, customer_id: str) -> WebhookWithSecret:
        if customer_id not in self.registered:
            made = await Webhooks(self.events).register(customer_id, self.receiver.url, [])
            self.registered[customer_id] = made
        return self.registered[customer_id]


@asynccontextmanager
async def open_subscriber(world: World) -> AsyncIterator[Subscriber]:
    """Beside the world, which relays nothing by itself."""
    settings = world.databases
    async with AsyncExitStack() as stack:
        databases = [
            Database(url, pool_size=1)
            for url in (settings.order_database_url, settings.event_database_url)
        ]
        for database in databases:
            stack.push_async_callback(database.close)
        orders, events = databases
        carrier = await stack.enter_async_context(
            open_postgres_bus(settings.event_database_url, bus, pool_size=1)
        )
        listener = NotificationListener(settings.order_database_url, ORDER_EVENTS)
        relay = Relay("order", orders, OUTBOXES["order"], carrier, listener)
        public = await stack.enter_async_context(open_public_http(LOOPBACK))
        receiver = await stack.enter_async_context(receiving())
        yield Subscriber(orders, events, relay, Deliveries(events, public), receiver)
