"""How far relays and consumers are behind, and what they had to set aside, as metrics.

It also begins the epoch of databases that were restored, so that what is in them shows to readers
before anybody writes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy import Column, Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from infrastructure.cancellation import not_cancelled
from infrastructure.eventstore.epochs import current_epoch
from infrastructure.messaging.bus import Bus, Lag
from infrastructure.messaging.outbox import OutboxTables
from infrastructure.postgres.database import Database
from infrastructure.telemetry.metrics import gauge
from relay.catching_up import Begun, catch_up
from relay.relays import OUTBOXES
from saga.participant import Unavailable
from services.event.deliveries import CONSUMER
from services.event.tables import hooks, inbox

log = logging.getLogger(__name__)
EVERY = 5.0  # seconds
WITH_EPOCHS = ("order", "event")


async def watch_lag(
    outboxes: Mapping[str, str], event_url: str, bus: Bus, *, on_postgres: bool
) -> None:
    """Until cancelled. Whether the bus is `on_postgres`, and restored with the event database."""
    async with AsyncExitStack() as stack:
        urls = {**outboxes, "event": event_url}
        databases = {name: Database(url, pool_size=1) for name, url in urls.items()}
        for database in databases.values():
            stack.push_async_callback(database.close)
        event = databases["event"]
        subscriptions, consumers = set[str](), set[str]()
        begun: Begun = {}
        while not_cancelled():
            for service in outboxes:
                look = look_at_outbox(service, databases[service], OUTBOXES[service])
                await _try(service, look)
            await _try("the event database", look_at_events(event, consumers))
            await _try("the bus", look_at_bus(bus, subscriptions))
            for name in WITH_EPOCHS:
                if name in databases:
                    await _try(name, look_at_epoch(name, databases[name]))
            for service in outboxes if on_postgres else ():
                outbox = OUTBOXES[service].outbox
                await _try(service, catch_up(service, outbox, databases[service], event, begun))
            await asyncio.sleep(EVERY)


async def _try(what: str, look: Awaitable[object]) -> None:
    try:
        await look
    except Unavailable as error:
        log.warning("the state of %s is not known: %s", what, error)
    except Exception:  # one that cannot be looked at hides no other
        log.exception("the state of %s is not known", what)


async def look_at_outbox(service: str, database: Database, tables: OutboxTables) -> None:
    """What waits in an outbox, and what was set aside of it."""
    outbox = tables.outbox
    age = func.extract("epoch", func.now() - func.min(outbox.c.recorded_at))
    waiting = select(func.count(), func.coalesce(age, 0)).where(outbox.c.published_at.is_(None))
    async with database.transaction() as tx:
        count, seconds = (await tx.execute(waiting)).one()
        aside = await _count(tx, tables.set_aside)
    labels = {"service": service}
    gauge("saga_outbox_waiting", "Events that are not published yet").set(count, labels)
    lag = gauge("saga_outbox_lag", "Age of the oldest event that is not published yet", "s")
    lag.set(float(seconds), labels)
    gauge("saga_outbox_set_aside", "Events that could not be published").set(aside, labels)


async def look_at_bus(bus: Bus, seen: set[str]) -> None:
    """How far each subscription is behind; those seen before and forgotten are not."""
    waiting = gauge("saga_consumer_waiting", "Events that a subscription has not passed yet")
    lag = gauge("saga_consumer_lag", "Age of the oldest of them", "s")
    lags = {each.subscription: each for each in await bus.lags()}
    seen.update(lags)
    for name in seen:
        found = lags.get(name, Lag(name, 0, 0.0))
        waiting.set(found.waiting, {"subscription": name})
        lag.set(found.seconds, {"subscription": name})


async def look_at_events(database: Database, seen: set[str]) -> None:
    """Dead letters, of consumers seen before too, and deliveries of webhooks by their state."""
    async with database.statement() as tx:
        counted = await tx.execute(_count_by(inbox.dead_letters.c.consumer))
        dead = dict(counted.tuples().all())
        found = dict((await tx.execute(_count_by(hooks.deliveries.c.state))).tuples().all())
    letters = gauge("saga_dead_letters", "Events that a consumer could not handle")
    seen.update(dead, {CONSUMER})
    for consumer in seen:
        letters.set(dead.get(consumer, 0), {"consumer": consumer})
    deliveries = gauge("saga_webhook_deliveries", "Deliveries of webhooks that are kept")
    for name in ("pending", "delivered", "dead"):
        deliveries.set(found.get(name, 0), {"state": name})


async def look_at_epoch(name: str, database: Database) -> None:
    """In which epoch a database of events is; begins it after a restore."""
    async with database.statement() as tx:
        epoch = await current_epoch(tx)
    told = gauge("saga_event_epoch", "Epoch of a database's events; another one after a restore")
    told.set(epoch, {"database": name})


def _count_by(column: "Column[Any]") -> "Select[tuple[Any, int]]":
    return select(column, func.count()).group_by(column)


async def _count(tx: AsyncConnection, table: Table) -> int:
    return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())
