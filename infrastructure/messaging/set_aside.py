"""Poison in an outbox: rows that could not be published, set aside and put back.

Such a row is out of the outbox, so it holds up nothing and nobody, relays of other releases among
them; it is never purged. Later events of its subject go on without it: each carries the version of
its subject or the whole of its state, so a consumer that goes by that is not misled, and one row
must not stop an order for ever. When it is published after all, it comes late.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    RowMapping,
    bindparam,
    delete,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from contracts.base import Message
from contracts.events.integration_events import EventType
from infrastructure.messaging.outbox import CHANNEL, OutboxTables
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import announce
from infrastructure.telemetry.metrics import counter

log = logging.getLogger(__name__)
KEPT = ("position", "id", "type", "subject", "data", "recorded_at")
UNKNOWN = "this release does not know its type"
LONGEST = 1000  # characters of an error
KNOWN = [str(known) for known in EventType]
PUT_BACK = text(
    "WITH back AS (DELETE FROM outbox_set_aside WHERE position = ANY(:positions)"
    " RETURNING position, id, type, subject, data, recorded_at)"
    " INSERT INTO outbox (position, id, type, subject, data, recorded_at)"
    " OVERRIDING SYSTEM VALUE SELECT * FROM back"
).bindparams(bindparam("positions", type_=ARRAY(BigInteger)))


class AsideEvent(Message):
    """An event that was set aside, and why. `position` is its place in the service's outbox."""

    service: str
    position: int
    type: str
    subject: str
    error: str
    recorded_at: datetime
    set_aside_at: datetime


class SetAside:
    """What was set aside of one service's outbox."""

    def __init__(self, service: str, database: Database, tables: OutboxTables) -> None:
        self._service = service
        self._database = database
        self._outbox, self._table = tables

    async def put(self, rows: Sequence[RowMapping], refused: Mapping[str, str]) -> None:
        """Take these rows of the outbox out of it; `refused` says why, by the events' ids."""
        for row in rows:
            error = refused.get(str(row["id"]))
            if error is None:
                continue
            log.error("%s: %s %s is set aside: %s", self._service, row["type"], row["id"], error)
            counter("saga_outbox_refused", "Events that were set aside").add(
                1, {"service": self._service}
            )
            values = {name: row[name] for name in KEPT} | {"error": error[:LONGEST]}
            async with self._database.transaction() as tx:
                await tx.execute(insert(self._table).values(values).on_conflict_do_nothing())
                gone = self._outbox.c.position == row["position"]
                await tx.execute(delete(self._outbox).where(gone))

    async def publish_known(self) -> int:
        """Put back what was set aside for its type, which this release knows; how many."""
        row = self._table.c
        return await self._put_back((row.error == UNKNOWN) & row.type.in_(KNOWN))

    async def publish(self, positions: Collection[int] | None = None) -> int:
        """Put these back, or all, to be published again; how many."""
        given = true() if positions is None else self._table.c.position.in_(positions)
        return await self._put_back(given)

    async def list(self, limit: int = 100) -> list[AsideEvent]:
        """The oldest first."""
        oldest = select(self._table).order_by(self._table.c.position).limit(limit)
        async with self._database.statement() as tx:
            found = (await tx.execute(oldest)).mappings().all()
        names = AsideEvent.model_fields.keys() - {"service"}
        return [
            AsideEvent(service=self._service, **{name: row[name] for name in names})
            for row in found
        ]

    async def _put_back(self, which: ColumnElement[bool]) -> int:
        async with self._database.transaction() as tx:
            found = (await tx.execute(select(self._table.c.position).where(which))).scalars()
            back = (await tx.execute(PUT_BACK, {"positions": list(found)})).rowcount
            announce(tx, CHANNEL, "")
        if back:
            log.info("%s: %s events that were set aside are published again", self._service, back)
        return back
