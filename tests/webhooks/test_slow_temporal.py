"""A Temporal that takes its time to start a workflow: each delivery is begun, none twice."""

import asyncio
from typing import Any
from unittest.mock import patch

from temporalio.client import Client

from contracts.webhooks import DeliveryState
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres import primary
from infrastructure.settings import DatabaseSettings
from services.event.deliveries import CONSUMER
from services.event.tables import bus
from tests.support.waiting import until
from tests.webhooks.conftest import Sending
from tests.webhooks.parts import event_of, receiving
from tests.webhooks.test_deliveries import customer
from workers.webhooks import starting

HOOKS, EVENTS = 10, 3
SLOW = 0.8  # seconds that a start takes; ten of them are longer than an idle transaction may be


async def test_ten_webhooks_are_begun_by_a_slow_temporal(
    sending: Sending, databases: DatabaseSettings
) -> None:
    begin, begun, mine = Client.start_workflow, list[str](), customer()

    async def slowly(client: Client, *arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(SLOW)
        begun.append(options["id"])
        return await begin(client, *arguments, **options)

    limit = {"idle_in_transaction_session_timeout": f"{SLOW / 2:g}s"}
    async with receiving() as receiver:
        hooks = [await sending.webhooks.register(mine, receiver.url, []) for _ in range(HOOKS)]
        consumer = starting(sending.client, sending.database, sending.deliveries)
        with (
            patch.dict(primary.SERVER_SETTINGS, limit),
            patch.object(Client, "start_workflow", slowly),
        ):
            async with open_postgres_bus(databases.event_database_url, bus) as opened:
                one = {"subject": "ord_of_one_lane"}
                await opened.publish([event_of(mine).model_copy(update=one) for _ in range(EVENTS)])
                working = asyncio.create_task(
                    opened.consume(CONSUMER, consumer.deliver, consumer.bury_malformed)
                )

                async def all_delivered() -> bool:
                    kept = [
                        await sending.webhooks.deliveries(hook.id, DeliveryState.DELIVERED, 100)
                        for hook in hooks
                    ]
                    return [len(each) for each in kept] == [EVENTS] * HOOKS

                await until(all_delivered, within=60)
                working.cancel()
                await asyncio.wait([working])
    assert len(begun) == len(set(begun)) == HOOKS * EVENTS
