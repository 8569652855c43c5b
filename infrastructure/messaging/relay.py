"""The relay: takes what is in an outbox to the bus, at least once and in order for each subject.

Several may run for one outbox: one works and the others stand by, by a lock of a session of its
own. Publishing takes as long as the bus likes, so no transaction is open meanwhile; what the bus
has taken in time is noted, and the rest is published by the next look. Dying, or stopping for long,
gives the lock away. What was published and not noted is then published again; the bus knows it by
its id.

A row that cannot be published is set aside (`set_aside`), and the rest goes on without it.
"""

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy import BigInteger, RowMapping, any_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from contracts.events.cloudevents import CloudEvent, schema_uri, source_of
from infrastructure.cancellation import not_cancelled
from infrastructure.messaging.bus import Bus, Publication
from infrastructure.messaging.outbox import OutboxTables
from infrastructure.messaging.set_aside import KNOWN, UNKNOWN, SetAside
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
from saga.participant import Unavailable
from saga.participant.errors import describe_error

log = logging.getLogger(__name__)

BATCH = 200
# Seconds that an event waits for company. A look costs some ten round trips, whether it finds one
# event or two hundred: without this, relaying took a tenth of all CPU time of an order; with 0.1 s
# at twenty orders a second a twelfth still.
GATHER = 0.25
POLL = 1.0  # seconds; most looks are woken by a notification
PUT_BACK_EVERY = 60.0  # seconds; a relay of another release may run beside
LOCK = 0x0B0C
# What may be wrong with an event and not with the bus.
UNFIT = (ValueError, TypeError, DBAPIError)


class Relay:
    """The relay of one service's outbox."""

    def __init__(
        self,
        service: str,
        database: Database,
        tables: OutboxTables,
        bus: Bus,
        notifications: NotificationListener,
    ) -> None:
        self._service = service
        self._database = database
        self._outbox = tables.outbox
        self._set_aside = SetAside(service, database, tables)
        self._bus = bus
        self._notifications = notifications
        self._put_back_at: float | None = None

    async def run(self) -> None:
        """Relay until cancelled."""
        with self._notifications.subscribe() as subscription:
            while not_cancelled():
                try:
                    relayed = await self.relay()
                except Unavailable as error:
                    log.warning("outbox of %s waits: %s", self._service, error)
                    relayed = 0
                except Exception:  # a bug must not end all relays of the process
                    log.exception("outbox of %s: cannot be relayed, trying again", self._service)
                    relayed = 0
                if relayed < BATCH:
                    await subscription.wait(POLL)
                    await asyncio.sleep(GATHER)

    async def relay(self) -> int:
        """Deal with some of what waits; how many. 0 also if another relay is at it."""
        await self._put_back()
        async with self._database.hold_lock(LOCK) as ours:
            if not ours:
                return 0
            row = self._outbox.c
            waiting = select(self._outbox).where(row.published_at.is_(None)).order_by(row.position)
            async with self._database.statement() as tx:
                found = (await tx.execute(waiting.limit(BATCH))).mappings().all()
            return await self._publish(found)

    async def _put_back(self) -> None:
        """Now and then, what a relay did not know and this one does."""
        now = asyncio.get_running_loop().time()
        if self._put_back_at is None or now - self._put_back_at > PUT_BACK_EVERY:
            await self._set_aside.publish_known()
            self._put_back_at = now

    async def _publish(self, rows: Sequence[RowMapping]) -> int:
        events: list[CloudEvent] = []
        refused: dict[str, str] = {}
        for row in rows:
            if row["type"] not in KNOWN:
                refused[str(row["id"])] = UNKNOWN
                continue
            try:
                events.append(self._envelope(row))
            except Exception as error:  # noqa: BLE001 - whatever is wrong is wrong with this row
                refused[str(row["id"])] = describe_error(error)
        publication = await self._take(events) if events else Publication()
        taken, refused = publication.taken, refused | publication.refused
        await self._set_aside.put(rows, refused)
        await self._note([row["position"] for row in rows if str(row["id"]) in taken])
        return len(taken) + len(refused)

    async def _take(self, events: Sequence[CloudEvent]) -> Publication:
        """What the bus takes; where it cannot take them together, which of them it cannot take."""
        try:
            return await self._bus.publish(events)
        except UNFIT as error:
            if not _is_unfit(error):
                raise
            if len(events) == 1:
                reason = describe_error(error)
                return Publication(refused={events[0].id: reason})
            log.exception("the bus of %s refuses some of %s", self._service, len(events))
        together = Publication()
        for event in events:
            one = await self._take([event])
            together.taken.update(one.taken)
            together.refused.update(one.refused)
        return together

    async def _note(self, positions: Sequence[int]) -> None:
        """One parameter, whatever their number, so that the statement is compiled once."""
        if positions:
            these = any_(bindparam("positions", type_=ARRAY(BigInteger)))
            done = update(self._outbox).where(self._outbox.c.position == these)
            noted = done.values(published_at=func.clock_timestamp())
            async with self._database.statement() as tx:
                await tx.execute(noted, {"positions": positions})

    def _envelope(self, row: RowMapping) -> CloudEvent:
        return CloudEvent(
            id=str(row["id"]),
            source=source_of(self._service),
            type=row["type"],
            subject=row["subject"],
            time=row["recorded_at"],
            dataschema=schema_uri(row["type"]),
            data=row["data"],
        )


def _is_unfit(error: Exception) -> bool:
    """The driver's words for bad data may come as a plain DBAPIError, told by its SQLSTATE."""
    if not isinstance(error, DBAPIError) or isinstance(error, (DataError, IntegrityError)):
        return True
    return str(getattr(error.orig, "sqlstate", None) or "").startswith("22")
