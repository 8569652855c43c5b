"""The event database is restored on another server: webhooks hear of what happens from then on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx2
from temporalio.testing import WorkflowEnvironment

from contracts.events.cloudevents import CloudEvent
from contracts.webhooks import DeliveryState
from infrastructure.http.ssrf_safe_client import PublicHttp
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from services.event.deliveries import CONSUMER, Deliveries
from services.event.tables import bus
from services.event.webhooks import Webhooks
from tests.restored.conftest import Restore, burn
from tests.restored.conftest import new_server as new_server  # noqa: PLC0414 - a fixture
from tests.restored.conftest import restore as restore  # noqa: PLC0414 - a fixture
from tests.support.waiting import until
from tests.webhooks.conftest import LOOPBACK
from tests.webhooks.parts import event_of, receiving
from tests.webhooks.test_deliveries import customer
from workers.webhooks import starting, worker_of


@asynccontextmanager
async def at_work(skipping: WorkflowEnvironment, url: str) -> AsyncIterator[tuple[Bus, Webhooks]]:
    """All that sends webhooks, on the event database at this URL."""
    async with AsyncExitStack() as stack:
        database = Database(url)
        stack.push_async_callback(database.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        deliveries = Deliveries(database, PublicHttp(http, LOOPBACK))
        opened = await stack.enter_async_context(open_postgres_bus(url, bus))
        await stack.enter_async_context(worker_of(skipping.client, deliveries))
        consumer = starting(skipping.client, database, deliveries)
        working = asyncio.create_task(
            opened.consume(CONSUMER, consumer.deliver, consumer.bury_malformed)
        )
        try:
            yield opened, Webhooks(database)
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


async def test_webhooks_go_on_after_a_restore_on_another_server(
    skipping: WorkflowEnvironment, databases: DatabaseSettings, restore: Restore
) -> None:
    url, mine = databases.event_database_url, customer()
    await burn(url)

    async def delivered(webhooks: Webhooks, hook: str, expected: list[CloudEvent]) -> None:
        async def all_there() -> bool:
            found = await webhooks.deliveries(hook, DeliveryState.DELIVERED, 10)
            return {each.order_id for each in found} == {each.subject for each in expected}

        await until(all_there, within=30)

    events = [event_of(mine) for _ in range(3)]
    async with receiving() as receiver:
        async with at_work(skipping, url) as (opened, webhooks):
            hook = (await webhooks.register(mine, receiver.url, [])).id
            await opened.publish(events[:2])
            await delivered(webhooks, hook, events[:2])
        async with at_work(skipping, await restore(url)) as (opened, webhooks):
            await opened.publish(events[2:])
            await delivered(webhooks, hook, events)
    assert len(receiver.requests) == 3
