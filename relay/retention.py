"""Removes, once an hour, what was published long ago."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

from infrastructure.cancellation import not_cancelled
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.bus_tables import PASSED
from infrastructure.postgres.database import Database
from infrastructure.postgres.retention import purge
from relay.relays import OUTBOXES
from saga.participant import Unavailable
from services.event.tables import bus as bus_tables
from services.event.tables import hooks, inbox

log = logging.getLogger(__name__)

EVERY = 3600.0
KEEP_PUBLISHED = 7  # days, in an outbox and on the bus
KEEP_HANDLED = 30  # days: longer than any event can still come again
KEEP_DELIVERIES = 30  # days after their end; also what customers may have sent again


async def keep_house(outboxes: Mapping[str, str], event_url: str, bus: Bus) -> None:
    """Until cancelled. What a subscription has not passed stays on the bus, however old it is."""
    async with AsyncExitStack() as stack:
        databases = {outbox: Database(url, pool_size=1) for outbox, url in outboxes.items()}
        event = Database(event_url, pool_size=1)
        for database in (event, *databases.values()):
            stack.push_async_callback(database.close)
        chores: list[Callable[[], Awaitable[object]]] = [
            partial(purge, database, OUTBOXES[item].outbox.c.published_at, KEEP_PUBLISHED)
            for item, database in databases.items()
        ]
        chores += [
            partial(purge, event, bus_tables.events.c.taken_at, KEEP_PUBLISHED, PASSED),
            partial(purge, event, inbox.inbox.c.handled_at, KEEP_HANDLED),
            partial(purge, event, hooks.deliveries.c.ended_at, KEEP_DELIVERIES),
            bus.keep_for_the_slow,
        ]
        while not_cancelled():
            for chore in chores:
                try:
                    await chore()
                except Unavailable as error:
                    log.warning("left for the next time: %s", error)
                except Exception:  # one chore that fails keeps nobody from the others
                    log.exception("left for the next time")
            await asyncio.sleep(EVERY)
