"""The bus on PostgreSQL: a log of events, and how far each subscription is in each lane of it.

A consumer holds a lane by a lock of a session of its own, and no transaction is open while it hands
out events: a handler may take its time, and nobody who reads the log is held back (see
docs/adr/0050-event-order.md). How far it is, is noted after each turn, and a turn ends after a
moment; so a slow consumer gets on too. If it dies or is stopped, the lane is free again, and what
it had handed out and not noted is handed out again.
"""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import BigInteger, RowMapping, delete, func, literal_column, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ProgrammingError

from contracts.event_records import BEGINNING, Position
from contracts.events.cloudevents import CloudEvent
from infrastructure.cancellation import not_cancelled
from infrastructure.eventstore.epochs import HORIZON, current_epoch
from infrastructure.messaging.bus import (
    LANES,
    Deliver,
    Interest,
    Lag,
    Malformed,
    Publication,
    lane_of,
    pass_over,
)
from infrastructure.messaging.bus_tables import LAGS, BusTables, appending
from infrastructure.messaging.lane_turn import Hands, Turn, take_turn
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener, announce
from infrastructure.postgres.slow_transactions import may_take_long
from saga.participant import Unavailable

log = logging.getLogger(__name__)

CHANNEL = "bus"
BATCH = 50
POLL = 1.0
LOCKS = 0x0B05  # a space of advisory locks


class PostgresBus:
    """Implements `infrastructure.messaging.bus.Bus`."""

    def __init__(
        self, database: Database, tables: BusTables, notifications: NotificationListener
    ) -> None:
        self._database = database
        self._events = tables.events
        self._positions = tables.positions
        self._notifications = notifications
        self._append = appending(tables.events)

    async def publish(self, events: Sequence[CloudEvent], *, again: int = 0) -> Publication:
        """Append to the log, in one statement."""
        may_take_long("publishing")
        rows = [
            {"lane": lane_of(event.subject), "event": event.model_dump(mode="json")}
            for event in events
        ]
        async with self._database.transaction() as tx:
            await tx.execute(self._append, {"new_events": rows, "again": again})
            for lane in {str(row["lane"]) for row in rows}:
                announce(tx, CHANNEL, lane)
        return Publication({event.id for event in events})

    async def consume(
        self,
        subscription: str,
        deliver: Deliver,
        malformed: Malformed = pass_over,
        interest: Interest | None = None,
    ) -> None:
        """Work on all lanes side by side, as far as nobody else holds them."""
        hands = Hands(deliver, malformed, interest)
        async with asyncio.TaskGroup() as tasks:
            for lane in range(LANES):
                tasks.create_task(self._work(subscription, lane, hands))

    async def lags(self) -> list[Lag]:
        """How far each subscription is behind. A lane without a position is behind all of it."""
        async with self._database.statement() as tx:
            return [Lag(*row) for row in await tx.execute(LAGS, {"lanes": LANES})]

    async def keep_for_the_slow(self) -> None:
        """Nothing is forgotten here but what the relay's housekeeping removes."""

    async def forget(self, subscription: str) -> bool:
        """Remove its positions; whether there were any."""
        gone = delete(self._positions).where(self._positions.c.subscription == subscription)
        async with self._database.statement() as tx:
            return (await tx.execute(gone)).rowcount > 0

    async def close(self) -> None:
        """Nothing is ours: the database is closed by who made it."""

    async def _work(self, subscription: str, lane: int, hands: Hands) -> None:
        queue = False
        rest: float | None = POLL
        with self._notifications.subscribe(str(lane)) as changes:
            while not_cancelled():
                if rest != 0 and hands.interest is not None:
                    await hands.interest.gather()
                    await changes.wait(0)  # of what has come so far, nothing more need be told
                rest = POLL
                try:
                    rest = await self._turn(subscription, lane, hands, queue=queue)
                except Unavailable as error:
                    log.warning("%s, lane %s: %s", subscription, lane, error)
                except Exception:  # a bug must not end all lanes of the process
                    log.exception("%s, lane %s: trying again", subscription, lane)
                queue = False
                if rest != 0:
                    woken = await changes.wait(POLL if rest is None else rest)
                    # Who is never idle would never let go for long enough.
                    queue = woken and rest is None

    async def _turn(
        self, subscription: str, lane: int, hands: Hands, *, queue: bool
    ) -> float | None:
        """Deliver what is next, for a moment; then the seconds to rest. None: another has it."""
        key = (LOCKS, _lock_number(subscription, lane))
        async with self._database.hold_lock(*key, wait=queue) as ours:
            if not ours:
                return None
            after = await self._position(subscription, lane)
            if after is None:
                return POLL
            rows = await self._next(lane, after)
            turn = await take_turn(rows, after, hands)
            if turn.done or turn.pause is not None:
                await self._record_position(subscription, lane, turn)
        if turn.pause is not None:
            return min(POLL, turn.pause)
        # Who lets events gather looks again when there are more; others look at once.
        again = turn.done and (
            hands.interest is None or len(rows) == BATCH or turn.done < len(rows)
        )
        return 0.0 if again else POLL

    async def _position(self, subscription: str, lane: int) -> Position | None:
        """Where to go on, unless the lane is pausing. Who comes anew goes on from the beginning."""
        row = self._positions.c
        statement = select(
            row.transaction_id, row.position, (row.retry_at > func.clock_timestamp()).label("pause")
        ).where(row.subscription == subscription, row.lane == lane)
        async with self._database.statement() as tx:
            found = (await tx.execute(statement)).first()
        if found is None:
            # It is known before it gets anything: what it has not passed is kept for it, though it
            # ends before it can note how far it is.
            await self._record_position(subscription, lane, Turn(BEGINNING, 0, None))
            return BEGINNING
        return None if found.pause else Position(found.transaction_id, found.position)

    async def _next(self, lane: int, after: Position) -> Sequence[RowMapping]:
        row = self._events.c
        statement = (
            select(row.transaction_id, row.position, row.event_id, row.event)
            .where(row.lane == lane)
            .where(tuple_(row.transaction_id, row.position) > tuple_(*after))
            .where(row.transaction_id < literal_column(HORIZON, BigInteger))
            .order_by(row.transaction_id, row.position)
            .limit(BATCH)
        )
        async with self._database.statement() as tx:
            return (await tx.execute(statement)).mappings().all()

    async def _record_position(self, subscription: str, lane: int, turn: Turn) -> None:
        """Note it. One who had been stopped, and held the lane no more, puts nobody back."""
        pause = text("clock_timestamp() + make_interval(secs => :pause)")
        row = self._positions.c
        moved = {"transaction_id": turn.reached.transaction, "position": turn.reached.number}
        values = moved | {"retry_at": pause.bindparams(pause=turn.pause or 0.0)}
        statement = insert(self._positions).values(subscription=subscription, lane=lane, **values)
        async with self._database.statement() as tx:
            await tx.execute(
                statement.on_conflict_do_update(
                    index_elements=["subscription", "lane"],
                    set_=values,
                    where=tuple_(row.transaction_id, row.position) <= tuple_(*turn.reached),
                )
            )


def _lock_number(subscription: str, lane: int) -> int:
    """Of the 31 bits that an advisory lock's second key has."""
    return zlib.crc32(f"{subscription}/{lane}".encode()) & 0x7FFFFFFF


async def _begin_epoch(database: Database) -> None:
    """Let what was restored show, before the first event is published after it."""
    try:
        async with database.statement() as tx:
            await current_epoch(tx)
    except (Unavailable, ProgrammingError) as error:  # away, or not migrated yet: the relay does it
        log.warning("the epoch of the bus is not known: %s", error)


@asynccontextmanager
async def open_postgres_bus(
    url: str, tables: BusTables, *, pool_size: int = 10
) -> AsyncIterator[PostgresBus]:
    """A bus with its own connections."""
    database = Database(url, pool_size=pool_size)
    try:
        async with NotificationListener(url, CHANNEL).listening() as notifications:
            await _begin_epoch(database)
            yield PostgresBus(database, tables, notifications)
    finally:
        await database.close()
