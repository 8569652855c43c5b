"""Publishes again what a restored bus does not know: the outboxes still have it.

The event database is restored to an earlier moment, or a standby without the last events is
promoted. What services had published since is noted as published, and on no bus. A new epoch of the
bus tells that this has happened (`event_epochs`). Then all that was published since the bus's last
event of the epochs before is published again, once for each service. The bus and its consumers know
what they had.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import Table, func, select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.events import EPOCH_BITS
from infrastructure.database import Database
from services.event.tables import bus, catch_ups, epochs

log = logging.getLogger(__name__)
MARGIN = timedelta(minutes=5)  # the clocks of two database servers are nearer than that


async def catch_up(service: str, outbox: Table, services: Database, event: Database) -> int:
    """Have it published again, if that has not been done in this epoch; how many events."""
    epoch = await _restored(service, event)
    if epoch is None:
        return 0
    number, known_until = epoch
    again = await publish_since(outbox, services, known_until)
    async with event.statement() as tx:
        done = insert(catch_ups).values(epoch=number, service=service)
        await tx.execute(done.on_conflict_do_nothing())
    if again:
        log.warning("the bus was restored: %s events of %s are published again", again, service)
    return again


async def publish_since(outbox: Table, database: Database, moment: datetime | None) -> int:
    """Publish again what was published since; all that is kept, if there is no moment."""
    row = outbox.c
    since = row.published_at.is_not(None) if moment is None else row.published_at >= moment
    async with database.transaction() as tx:
        return (await tx.execute(update(outbox).where(since).values(published_at=None))).rowcount


async def _restored(service: str, event: Database) -> tuple[int, datetime | None] | None:
    """The bus's epoch and how long it knew events before it; None if there is nothing to do."""
    number_of = epochs.c.number
    async with event.transaction() as tx:
        found = await tx.execute(select(func.min(number_of), func.max(number_of)))
        first, number = found.one()
        done = select(catch_ups.c.epoch).where(
            catch_ups.c.epoch == number, catch_ups.c.service == service
        )
        if number is None or number == first or (await tx.execute(done)).first() is not None:
            return None
        older = bus.events.c.transaction_id < (number << EPOCH_BITS)
        until = (await tx.execute(select(func.max(bus.events.c.taken_at)).where(older))).scalar()
    return number, until and until - MARGIN
