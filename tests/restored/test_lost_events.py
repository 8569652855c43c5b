"""The bus was restored to a moment before its last events: services publish them again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from relay import catching_up
from relay.catching_up import catch_up, publish_since
from relay.lag import look_at_epoch
from relay.relays import OUTBOXES, open_relays
from saga.participant import Unavailable
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


class Interrupted(Database):
    """A database that is away from its second transaction on."""

    begun = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One that works, then none."""
        self.begun += 1
        if self.begun > 1:
            raise Unavailable("away")
        async with super().transaction() as tx:
            yield tx


async def test_an_interrupted_catching_up_goes_on_where_it_was(
    databases: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "BATCH", 2)
    order_url, event_url = databases.order_database_url, databases.event_database_url
    outbox = OUTBOXES["order"].outbox
    waiting = select(outbox.c.position).where(outbox.c.published_at.is_(None)).order_by("position")
    async with AsyncExitStack() as stack:
        orders, away = Database(order_url), Interrupted(order_url)
        for each in (orders, away):
            stack.push_async_callback(each.close)
        for _ in range(5):
            await happen(orders, "ord_1")
        await relay_all(order_url, event_url)
        async with orders.statement() as tx:
            until = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
        with pytest.raises(Unavailable):
            await publish_since(outbox, away, None, until)
        async with orders.statement() as tx:
            assert (await tx.execute(waiting)).scalars().all() == [1, 2]
        await relay_all(order_url, event_url)
        assert await publish_since(outbox, orders, None, until) == 3
        async with orders.statement() as tx:
            assert (await tx.execute(waiting)).scalars().all() == [3, 4, 5]
