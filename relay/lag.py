"""How far the relays are behind, as metrics."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack

from sqlalchemy import Table, func, select

from contracts.errors import Unavailable
from infrastructure.database import Database
from infrastructure.endless import not_cancelled
from infrastructure.telemetry.metrics import gauge
from relay.outboxes import OUTBOXES

log = logging.getLogger(__name__)
EVERY = 5.0  # seconds


async def watch_lag(outboxes: Mapping[str, str]) -> None:
    """Until cancelled."""
    async with AsyncExitStack() as stack:
        databases = {it: Database(url, pool_size=1) for it, url in outboxes.items()}
        for database in databases.values():
            stack.push_async_callback(database.close)
        while not_cancelled():
            for service, database in databases.items():
                try:
                    await _look(service, database, OUTBOXES[service])
                except Unavailable as error:
                    log.warning("the lag of %s is not known: %s", service, error)
            await asyncio.sleep(EVERY)


async def _look(service: str, database: Database, outbox: Table) -> None:
    age = func.extract("epoch", func.now() - func.min(outbox.c.recorded_at))
    statement = select(func.count(), func.coalesce(age, 0)).where(outbox.c.published_at.is_(None))
    async with database.transaction() as tx:
        count, seconds = (await tx.execute(statement)).one()
    labels = {"service": service}
    gauge("saga_outbox_waiting", "Events that are not published yet").set(count, labels)
    lag = gauge("saga_outbox_lag", "Age of the oldest event that is not published yet", "s")
    lag.set(float(seconds), labels)
