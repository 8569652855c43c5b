"""The process that sends webhooks: from the bus to the receiver, also when it is killed."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cli.stack.child import Child
from cli.stack.ready import answers
from cli.stack.runner import Runner, running
from contracts.webhooks import DeliveryState
from infrastructure.bus import LANES
from infrastructure.database import Database
from infrastructure.postgres_bus import open_postgres_bus
from services.event.tables import bus as tables
from services.event.webhooks import Webhooks
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.world import World
from tests.webhooks.parts import Receiver, event_of, receiving


@asynccontextmanager
async def sending(folder: Path, env: Mapping[str, str]) -> AsyncIterator[Runner]:
    """`python -m workers.webhooks`, which is started again when it ends."""
    port = free_port()
    argv = (sys.executable, "-m", "workers.webhooks", "--health-port", str(port))
    path = {"PYTHONPATH": ":".join(sys.path)}
    check = answers("127.0.0.1", port, "/health/ready")
    child = Child(name="webhooks", argv=argv, env={**env, **path}, ready=check)
    async with running(child, folder / "webhooks.log") as runner:
        yield runner


async def test_every_event_is_delivered_though_the_process_is_killed(
    world: World, tmp_path: Path
) -> None:
    url = world.databases.event_database_url
    env = {
        "EVENT_DATABASE_URL": url.replace("+asyncpg", ""),
        "TEMPORAL_ADDRESS": world.address,
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1",
    }
    customer = await world.user()
    database = Database(url, pool_size=2)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        receiver: Receiver = await stack.enter_async_context(receiving())
        bus = await stack.enter_async_context(open_postgres_bus(url, tables))
        process = await stack.enter_async_context(sending(tmp_path, env))
        webhooks = Webhooks(database)
        webhook = await webhooks.register(customer, receiver.url, [])
        events = [event_of(customer) for _ in range(10 * LANES)]
        for number, event in enumerate(events):
            await bus.publish([event])
            if number in {10, 25}:
                process.kill()

        async def all_delivered() -> bool:
            found = await webhooks.deliveries(webhook.id, DeliveryState.DELIVERED, 100)
            return len(found) == len(events)

        await until(all_delivered, within=60)
        kept = await webhooks.deliveries(webhook.id, None, 100)
    assert sorted(it.order_id for it in kept) == sorted(it.subject for it in events)
    assert {it.headers["webhook-id"] for it in receiver.accepted} == {it.id for it in kept}
    for request in receiver.accepted:
        request.verified(webhook.secret)
