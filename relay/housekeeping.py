"""Removes, once an hour, what was published long ago."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack

from contracts.errors import Unavailable
from infrastructure.database import Database
from infrastructure.endless import not_cancelled
from infrastructure.retention import purge
from relay.outboxes import OUTBOXES
from services.event.tables import bus, hooks, inbox

log = logging.getLogger(__name__)

EVERY = 3600.0
KEEP_PUBLISHED = 7  # days, in an outbox and on the bus
KEEP_HANDLED = 30  # days: longer than any event can still come again
KEEP_DELIVERIES = 30  # days after their end; also what customers may have sent again


async def keep_house(outboxes: Mapping[str, str], event_url: str) -> None:
    """Until cancelled."""
    async with AsyncExitStack() as stack:
        databases = {it: Database(url, pool_size=1) for it, url in outboxes.items()}
        event = Database(event_url, pool_size=1)
        for database in (event, *databases.values()):
            stack.push_async_callback(database.close)
        chores = [
            (database, OUTBOXES[it].c.published_at, KEEP_PUBLISHED)
            for it, database in databases.items()
        ]
        chores += [
            (event, bus.events.c.taken_at, KEEP_PUBLISHED),
            (event, inbox.inbox.c.handled_at, KEEP_HANDLED),
            (event, hooks.deliveries.c.ended_at, KEEP_DELIVERIES),
        ]
        while not_cancelled():
            for chore in chores:
                try:
                    await purge(*chore)
                except Unavailable as error:
                    log.warning("left for the next time: %s", error)
            await asyncio.sleep(EVERY)
