"""How an order is changed: its events, its row of the read model, and what is published, together.

What there is to decide is in `aggregate`, and who may ask in `service`.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Reason
from contracts.events.integration_events import DomainEvent
from contracts.orders import Order, StepNote
from infrastructure.eventstore.snapshots import Snapshots
from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.messaging.outbox import Outbox
from saga.participant import StepKey
from saga.participant.barrier import Barrier
from services.order import notes, read_model, sql
from services.order.aggregate import OrderAggregate, ends_return
from services.order.integration_events import to_integration_events
from services.order.snapshots_and_upcasters import SNAPSHOT_SCHEMA, as_state, from_state
from services.order.sql import HISTORY, REPLY, SNAPSHOT, STATE, WRITTEN
from services.order.tables import snapshots

Decision = Callable[[OrderAggregate], Sequence[NewEvent]]


class Changes:
    """Changes orders in the caller's transaction."""

    def __init__(
        self,
        barrier: Barrier[DomainEvent],
        events: EventStore,
        outbox: Outbox,
        *,
        snapshot_every: int,
    ) -> None:
        self._barrier = barrier
        self._events = events
        self._outbox = outbox
        self._snapshots = Snapshots(snapshots, schema=SNAPSHOT_SCHEMA, every=snapshot_every)
        known = sql.select_history(events, self._snapshots)
        self._loading = select(*known)
        self._claiming = sql.claiming(barrier, known)
        self._recording = outbox.along(sql.recording(events))

    async def once(
        self, tx: AsyncConnection, key: StepKey, digest: str, order_id: str, decide: Decision
    ) -> Order:
        """Change the order as a step's action; a repetition gets the first reply."""
        its = sql.its(key, digest, order_id)
        row = (await tx.execute(self._claiming, its)).mappings().one()
        stored = self._barrier.judge_claim(key, (row[STATE], row[REPLY]), Order)
        if stored is not None:
            return stored
        order = self._fold(order_id, row)
        return await self._barrier.finish(tx, key, await self.record(tx, order, decide(order)))

    async def load(self, tx: AsyncConnection, order_id: str) -> OrderAggregate:
        """The order as it stands."""
        its = {"its_stream": order_id}
        return self._fold(order_id, (await tx.execute(self._loading, its)).mappings().one())

    async def record(
        self, tx: AsyncConnection, order: OrderAggregate, decided: Sequence[NewEvent]
    ) -> Order:
        """Append the events, write the read model and publish, in one statement."""
        before = order.version
        told: list[DomainEvent] = []
        for event in decided:
            order = order.apply(event.type, event.data)
            told += to_integration_events(event, order)
        parameters = (
            self._events.rows(tx, order.id, decided, expected_version=before)
            | read_model.state(order)
            | self._outbox.rows(tx, told)
        )
        row = (await tx.execute(self._recording, parameters)).mappings().one()
        await self._events.demand_all_written(
            tx, order.id, row[WRITTEN], len(decided), expected_version=before
        )
        await self._snapshots.take(tx, order.id, before, order.version, lambda: as_state(order))
        return read_model.read_saved(row)

    async def abandon(
        self, tx: AsyncConnection, key: StepKey, order_id: str, reason: Reason, digest: str | None
    ) -> Reason:
        """End a return without effect, whoever says so first; a late beginning is refused."""

        async def undo(_: Order | None) -> Reason:
            order = await self.load(tx, order_id)
            if decided := order.abandon_return(key.saga_id, reason):
                await self.record(tx, order, decided)
            return reason

        return await self._barrier.compensation(tx, key, Order, Reason, undo, digest=digest)

    async def note(self, tx: AsyncConnection, saga_id: str, note: StepNote) -> None:
        """Put a note on record. Of an order that has not begun, it is an event without a row."""
        if ends_return(note):
            begun = notes.begun_by(saga_id)
            await self.abandon(tx, begun, note.order_id, notes.BY_OPERATOR, None)
        order = await self.load(tx, note.order_id)
        decided = order.note(note, saga_id)
        if order.placed:
            await self.record(tx, order, decided)
        else:
            await self._events.append(tx, order.id, decided, expected_version=order.version)

    def _fold(self, order_id: str, row: RowMapping) -> OrderAggregate:
        behind = self._events.events_of(row[HISTORY])
        return from_state(order_id, row[SNAPSHOT]).after(behind)
