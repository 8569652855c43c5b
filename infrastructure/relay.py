"""The relay: takes what is in an outbox to the bus, at least once and in order for each subject.

Several may run for one outbox: one works and the others stand by, by a lock of the transaction in
which it reads. Dying, or stopping for longer than a transaction may be idle, gives the lock away.
What was published and not yet noted is then published again; the bus knows it by its id.
"""

import asyncio
import logging

from sqlalchemy import RowMapping, Table, func, select, text, update

from contracts.cloudevents import CloudEvent, schema_uri, source_of
from contracts.errors import Unavailable
from infrastructure.bus import Bus
from infrastructure.database import Database
from infrastructure.endless import not_cancelled
from infrastructure.notices import Notices

log = logging.getLogger(__name__)

BATCH = 200
# Seconds that an event waits for company. A look costs some ten round trips, whether it finds one
# event or two hundred: without this, relaying took a tenth of all CPU time of an order; with 0.1 s
# at twenty orders a second a twelfth still.
GATHER = 0.25
POLL = 1.0  # seconds; most looks are woken by a notice
LOCK = 0x0B0C


class Relay:
    """The relay of one service's outbox."""

    def __init__(
        self, service: str, database: Database, outbox: Table, bus: Bus, notices: Notices
    ) -> None:
        self._service = service
        self._database = database
        self._outbox = outbox
        self._bus = bus
        self._notices = notices

    async def run(self) -> None:
        """Relay until cancelled."""
        with self._notices.watch() as watch:
            while not_cancelled():
                try:
                    relayed = await self.relay()
                except Unavailable as error:
                    log.warning("outbox of %s waits: %s", self._service, error)
                    relayed = 0
                if relayed < BATCH:
                    await watch.wait(POLL)
                    await asyncio.sleep(GATHER)

    async def relay(self) -> int:
        """Publish some of what waits; how many. 0 also if another relay is at it."""
        row = self._outbox.c
        waiting = select(self._outbox).where(row.published_at.is_(None)).order_by(row.position)
        async with self._database.transaction() as tx:
            if not (await tx.execute(text(f"SELECT pg_try_advisory_xact_lock({LOCK})"))).scalar():
                return 0
            found = (await tx.execute(waiting.limit(BATCH))).mappings().all()
            if found:
                await self._bus.publish([self._envelope(it) for it in found])
                done = row.position.in_([it["position"] for it in found])
                published = update(self._outbox).where(done)
                await tx.execute(published.values(published_at=func.clock_timestamp()))
        return len(found)

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
