"""Publishes again what a restored bus does not know: the outboxes still have it.

The event database is restored to an earlier moment, or a standby without the last events is
promoted. What services had published since is noted as published, and on no bus. A new epoch of the
bus tells that this has happened (`event_epochs`). Then all that was published since the bus's last
event of the epochs before is published again, once for each service. The bus and its consumers know
what they had.
"""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.event_records import EPOCH_BITS
from infrastructure.messaging.bus import LANES
from infrastructure.postgres.database import Database
from services.event.tables import bus, catch_ups, epochs

log = logging.getLogger(__name__)
MARGIN = timedelta(minutes=5)  # the clocks of two database servers are nearer than that
BATCH = 1000  # rows that a transaction looks at: it ends long before the statement time-out


class _RestoredEpoch(NamedTuple):
    """An epoch of the bus, and how long it knew events before it; None if it knows none."""

    number: int
    known_until: datetime | None


# When this process began to catch up, by service and epoch.
Begun = dict[tuple[str, int], datetime]


async def catch_up(
    service: str, outbox: Table, services: Database, event: Database, begun: Begun | None = None
) -> int:
    """Have it published again, if that has not been done in this epoch; how many events.

    Given what was `begun`, another try goes on where the one before was interrupted.
    """
    epoch = await _find_restored_epoch(service, event)
    if epoch is None:
        return 0
    begun = {} if begun is None else begun
    until = begun.setdefault((service, epoch.number), await _now(services))
    again = await publish_since(outbox, services, epoch.known_until, until)
    async with event.statement() as tx:
        done = insert(catch_ups).values(epoch=epoch.number, service=service)
        await tx.execute(done.on_conflict_do_nothing())
    if again:
        log.warning("the bus was restored: %s events of %s are published again", again, service)
    return again


async def publish_since(
    outbox: Table, database: Database, since: datetime | None, until: datetime | None = None
) -> int:
    """Publish again what was published since, and before `until` or now; how many events.

    All that is kept, if there is no `since`. A batch is a transaction, in the order of the outbox:
    what is done stays done, and a relay may be at it meanwhile. What that publishes is published
    later than now, so it does not count again.
    """
    row = outbox.c
    which = row.published_at < (until or await _now(database))
    if since is not None:
        which &= row.published_at >= since
    again = 0
    after: int | None = 0
    while after is not None:
        count, after = await _publish_batch(outbox, database, after, which)
        again += count
    return again


async def _publish_batch(
    outbox: Table, database: Database, after: int, which: ColumnElement[bool]
) -> tuple[int, int | None]:
    """Publish these again of the rows that are next; how many, and where to go on, if at all."""
    position = outbox.c.position
    rows = select(position).where(position > after).order_by(position).limit(BATCH).subquery()
    async with database.transaction() as tx:
        looked = select(func.count(), func.max(rows.c.position))
        count, last = (await tx.execute(looked)).one()
        if not count:
            return 0, None
        these = update(outbox).where(position > after, position <= last, which)
        again = (await tx.execute(these.values(published_at=None))).rowcount
    return again, last if count == BATCH else None


async def _now(database: Database) -> datetime:
    """By the clock that tells when an event was published."""
    async with database.statement() as tx:
        now: datetime = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def _find_restored_epoch(service: str, event: Database) -> _RestoredEpoch | None:
    """The bus's epoch and how long it knew events before it; None if there is nothing to do."""
    of = epochs.c.number
    async with event.transaction() as tx:
        first, number = (await tx.execute(select(func.min(of), func.max(of)))).one()
        done = select(catch_ups.c.epoch).where(
            catch_ups.c.epoch == number, catch_ups.c.service == service
        )
        if number is None or number == first or (await tx.execute(done)).first() is not None:
            return None
        lanes = [_newest_before(number, lane) for lane in range(LANES)]
        until = (await tx.execute(select(func.greatest(*lanes)))).scalar()
    return _RestoredEpoch(number, until and until - MARGIN)


def _newest_before(epoch: int, lane: int) -> ScalarSelect[datetime]:
    """When the bus took its last event of a lane before an epoch; through the log's index."""
    row = bus.events.c
    older = select(row.taken_at).where(row.lane == lane, row.transaction_id < (epoch << EPOCH_BITS))
    newest = older.order_by(row.transaction_id.desc(), row.position.desc())
    return newest.limit(1).scalar_subquery()
