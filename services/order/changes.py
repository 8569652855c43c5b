"""How an order is changed: its events, its row of the read model, and what is published, together.

What there is to decide is in `aggregate`, and who may ask in `service`.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Reason
from contracts.events.integration_events import DomainEvent
from contracts.orders import Order, StepNote
from infrastructure.eventstore.snapshots import Snapshots
from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from saga.participant import ServiceError, StepKey
from saga.participant.barrier import Barrier
from saga.participant.driver_statement import DriverStatement, Row
from services.order import notes, read_model, sql
from services.order.aggregate import OrderAggregate, ends_return
from services.order.integration_events import to_integration_events
from services.order.snapshots_and_upcasters import SNAPSHOT_SCHEMA, as_state, from_state
from services.order.sql import HISTORY, SNAPSHOT, WRITTEN
from services.order.tables import snapshots

Decision = Callable[[OrderAggregate], Sequence[NewEvent]]


class Changes:
    """Changes orders: `act` in a transaction of its own, all others in the caller's."""

    def __init__(
        self,
        database: Database,
        barrier: Barrier[DomainEvent],
        events: EventStore,
        outbox: Outbox,
        *,
        snapshot_every: int,
    ) -> None:
        self._database = database
        self._barrier = barrier
        self._events = events
        self._outbox = outbox
        self._snapshots = Snapshots(snapshots, schema=SNAPSHOT_SCHEMA, every=snapshot_every)
        self._loading = select(*sql.select_history(events, self._snapshots))
        self._reading = DriverStatement(self._loading)
        self._recording = outbox.along(sql.recording(events))
        self._recording_as_action = sql.recording_as_action(barrier, events)

    async def act(
        self, key: StepKey, digest: str, order_id: str, decide: Decision, *, new: bool = False
    ) -> Order:
        """Change the order as a step's action; a repetition gets the first reply.

        `new`: nobody has placed it yet, as far as one can tell.
        """
        order = OrderAggregate(order_id) if new else await self._read(order_id)
        if done := await self._act_cleanly(key, digest, order, decide):
            return done

        async def effect() -> Order:
            order = await self.load(tx, order_id)
            return await self.record(tx, order, decide(order))

        async with self._database.transaction() as tx:
            return await self._barrier.action(tx, key, Order, effect, digest=digest)

    async def _act_cleanly(
        self, key: StepKey, digest: str, order: OrderAggregate, decide: Decision
    ) -> Order | None:
        """None if the order does not stand as it is thought to, or a snapshot is due."""
        try:
            decided = decide(order)
        except ServiceError:  # maybe since this has been done before
            return None
        single, (after, told) = self._database.single(), _fold_in(order, decided)
        if self._snapshots.is_due(order.version, after.version):
            return None
        events = self._events.rows(single, order.id, decided, expected_version=order.version)
        its, reply = events | read_model.state(after), read_model.reply_without_times(after)
        recording = self._recording_as_action
        row = await recording.attempt(single, key, digest, its, reply=reply, events=told)
        return None if row is None else read_model.read_found(row)

    async def _read(self, order_id: str) -> OrderAggregate:
        row = await self._database.single().first(self._reading, {"its_stream": order_id})
        return OrderAggregate(order_id) if row is None else self._fold(order_id, row)

    async def load(self, tx: AsyncConnection, order_id: str) -> OrderAggregate:
        """The order as it stands."""
        its = {"its_stream": order_id}
        return self._fold(order_id, (await tx.execute(self._loading, its)).mappings().one())

    async def record(
        self, tx: AsyncConnection, order: OrderAggregate, decided: Sequence[NewEvent]
    ) -> Order:
        """Append the events, write the read model and publish, in one statement."""
        before = order.version
        order, told = _fold_in(order, decided)
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
        return read_model.read_found(row)

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

    def _fold(self, order_id: str, row: Row) -> OrderAggregate:
        behind = self._events.events_of(row[HISTORY])
        return from_state(order_id, row[SNAPSHOT]).after(behind)


def _fold_in(
    order: OrderAggregate, decided: Sequence[NewEvent]
) -> tuple[OrderAggregate, list[DomainEvent]]:
    """The order after these events, and what is published of them."""
    told: list[DomainEvent] = []
    for event in decided:
        order = order.apply(event.type, event.data)
        told += to_integration_events(event, order)
    return order, told
