"""The bus was restored to a moment before its last events: services publish them again."""

from contextlib import AsyncExitStack

from infrastructure.database import Database
from infrastructure.postgres_bus import open_postgres_bus
from infrastructure.settings import DatabaseSettings
from relay.catching_up import catch_up
from relay.lag import look_at_epoch
from relay.outboxes import OUTBOXES, open_relays
from services.event.tables import bus
from tests.bus.parts import EFFECTS, consumer, effects
from tests.bus.test_bus import consuming, handled
from tests.bus.test_kills import happen
from tests.restored.conftest import Restore, burn
from tests.support.waiting import until


async def relay_all(order_url: str, event_url: str) -> None:
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_postgres_bus(event_url, bus))
        urls = {"order": order_url}
        (relay,) = await stack.enter_async_context(open_relays(urls, opened))
        while await relay.relay():
            pass


async def test_what_the_restored_bus_has_lost_is_published_again(
    databases: DatabaseSettings, restore: Restore
) -> None:
    order_url, event_url = databases.order_database_url, databases.event_database_url
    outbox = OUTBOXES["order"].outbox
    async with AsyncExitStack() as stack:
        orders, events = Database(order_url), Database(event_url)
        for each in (orders, events):
            stack.push_async_callback(each.close)
        await burn(event_url)
        await happen(orders, "ord_1")
        await relay_all(order_url, event_url)
        assert await catch_up("order", outbox, orders, events) == 0  # nothing was restored
        restored_url = await restore(event_url)
        await happen(orders, "ord_1")
        await relay_all(order_url, event_url)  # to the bus that is lost
        restored = Database(restored_url)
        stack.push_async_callback(restored.close)
        await look_at_epoch("event", restored)
        assert await catch_up("order", outbox, orders, restored) == 2  # and one that it knows
        assert await catch_up("order", outbox, orders, restored) == 0  # once is enough
        await happen(orders, "ord_1")
        await relay_all(order_url, restored_url)
        async with restored.transaction() as tx:
            await tx.run_sync(EFFECTS.metadata.create_all)
        async with (
            open_postgres_bus(restored_url, bus) as opened,
            consuming(opened, "c", consumer(restored, "c").deliver),
        ):
            await until(handled(restored, "c", 3))
        assert await effects(restored, "c") == {"ord_1": [1, 2, 3]}
