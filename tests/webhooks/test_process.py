"""The process that sends webhooks: from the bus to the receiver, also when it is killed."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.webhooks import Delivery, DeliveryState, WebhookWithSecret
from infrastructure.messaging.bus import LANES, Bus
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from local_stack.programs import program
from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import Runner, running
from local_stack.supervision.readiness import answers
from services.event.tables import bus as tables
from services.event.webhooks import Webhooks
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.world import World
from tests.webhooks.parts import Receiver, event_of, receiving


@asynccontextmanager
async def sending(folder: Path, env: Mapping[str, str]) -> AsyncIterator[Runner]:
    """`saga-webhooks`, which is started again when it ends."""
    port = free_port()
    argv = program("saga-webhooks", "--health-port", str(port))
    path = {"PYTHONPATH": ":".join(sys.path)}
    check = answers("127.0.0.1", port, "/health/ready")
    child = Child(name="webhooks", argv=argv, env={**env, **path}, ready=check)
    async with running(child, folder / "webhooks.log") as runner:
        yield runner


@dataclass(frozen=True)
class Sender:
    """The process at work, and a receiver that its one webhook leads to."""

    process: Runner
    receiver: Receiver
    bus: Bus
    webhooks: Webhooks
    webhook: WebhookWithSecret

    async def delivered(self, number: int) -> list[Delivery]:
        """The deliveries, once so many have arrived."""
        found: list[Delivery] = []

        async def enough() -> bool:
            found[:] = await self.webhooks.deliveries(self.webhook.id, DeliveryState.DELIVERED, 100)
            return len(found) == number

        await until(enough, within=60)
        return found


@asynccontextmanager
async def sender(world: World, folder: Path, customer: str) -> AsyncIterator[Sender]:
    """All of it, for one customer."""
    url = world.databases.event_database_url
    env = {
        "EVENT_DATABASE_URL": url.replace("+asyncpg", ""),
        "TEMPORAL_ADDRESS": world.address,
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1",
    }
    database = Database(url, pool_size=2)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        receiver: Receiver = await stack.enter_async_context(receiving())
        bus = await stack.enter_async_context(open_postgres_bus(url, tables))
        process = await stack.enter_async_context(sending(folder, env))
        webhooks = Webhooks(database)
        webhook = await webhooks.register(customer, receiver.url, [])
        yield Sender(process, receiver, bus, webhooks, webhook)


async def test_every_event_is_delivered_though_the_process_is_killed(
    world: World, tmp_path: Path
) -> None:
    customer = await world.user()
    async with sender(world, tmp_path, customer) as it:
        events = [event_of(customer) for _ in range(10 * LANES)]
        for number, event in enumerate(events):
            await it.bus.publish([event])
            if number in {10, 25}:
                it.process.kill()
        kept = await it.delivered(len(events))
    assert sorted(each.order_id for each in kept) == sorted(each.subject for each in events)
    accepted = it.receiver.accepted
    assert {each.headers["webhook-id"] for each in accepted} == {each.id for each in kept}
    for request in accepted:
        request.verified(it.webhook.secret)


async def test_what_was_delivered_is_sent_again_when_the_api_is_asked_to(
    world: World, tmp_path: Path
) -> None:
    customer = await world.user()
    async with sender(world, tmp_path, customer) as it:
        await it.bus.publish([event_of(customer)])
        (kept,) = await it.delivered(1)
        before = len(it.receiver.accepted)
        path = f"/v1/webhooks/{it.webhook.id}/deliveries/{kept.id}/redeliver"
        assert (await world.http.post(path)).status_code == 202

        async def again() -> bool:
            return len(it.receiver.accepted) > before

        await until(again, within=60)
        await it.delivered(1)
    last = it.receiver.accepted[-1]
    assert last.headers["webhook-id"] == kept.id
    last.verified(it.webhook.secret)
