"""The rules of orders. One method is one transaction: events, read model and barrier together."""

from collections.abc import Callable, Sequence

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import Position, PositionedEvent, RecordedEvent
from contracts.message import Money, Reason, StepKey
from contracts.names import ORDER_EVENTS
from contracts.orders import (
    AcceptedOrder,
    ConfirmOrder,
    CreateOrder,
    Order,
    OrderFilter,
    OrderPage,
    OrderStatus,
    StartReturn,
    StepNote,
)
from contracts.overview import Intervention, OrderFlow
from contracts.published import DomainEvent
from contracts.records import Epoch, StepRecord
from infrastructure.barrier import Barrier
from infrastructure.commands import digest_of
from infrastructure.database import Database
from infrastructure.epochs import epoch_of
from infrastructure.event_store import EventStore, NewEvent
from infrastructure.installation import installation_id
from infrastructure.outbox import Outbox
from infrastructure.snapshots import Snapshots
from services.order import overview, read_model, statements
from services.order.aggregate import OrderAggregate, command_of
from services.order.history import (
    SNAPSHOT_EVERY,
    SNAPSHOT_SCHEMA,
    UPCASTERS,
    as_state,
    from_state,
)
from services.order.published import published
from services.order.statements import HISTORY, REPLY, SNAPSHOT, STATE, WRITTEN
from services.order.tables import barrier, events, installation, outbox, snapshots

Decision = Callable[[OrderAggregate], Sequence[NewEvent]]


class Orders:
    """Implements `contracts.orders.OrderService` on PostgreSQL."""

    def __init__(self, database: Database, *, snapshot_every: int = SNAPSHOT_EVERY) -> None:
        self._database = database
        self._outbox = Outbox(outbox)
        self._barrier = Barrier(barrier, self._outbox)
        self._events = EventStore(events, channel=ORDER_EVENTS, upcasters=UPCASTERS)
        self._snapshots = Snapshots(snapshots, schema=SNAPSHOT_SCHEMA, every=snapshot_every)
        known = statements.known(self._events, self._snapshots)
        self._loading = select(*known)
        self._claiming = statements.claiming(self._barrier, known)
        self._recording = self._outbox.along(statements.recording(self._events))

    async def create(self, key: StepKey, command: CreateOrder) -> Order:
        """Record the order as pending."""
        digest = digest_of(CreateOrder, command)
        return await self._once(key, digest, command.order_id, lambda order: order.place(command))

    async def close(
        self, key: StepKey, command: CreateOrder, status: OrderStatus, reason: Reason
    ) -> Order:
        """Undo `create`: end the order, and say how and why.

        An order that `create` never recorded is recorded as closed, so that every accepted
        order leaves a trace.
        """

        async def undo(created: Order | None) -> Order:
            if created is None:
                await self._change(tx, command.order_id, lambda order: order.place(command))
            return await self._change(
                tx, command.order_id, lambda order: order.close(status, reason)
            )

        digest = digest_of(CreateOrder, command)
        async with self._database.transaction() as tx:
            return await self._barrier.compensation(tx, key, Order, Order, undo, digest=digest)

    async def confirm(self, key: StepKey, command: ConfirmOrder) -> Order:
        """Confirm a pending order. Rejected `not_pending` if it is closed."""
        digest = digest_of(ConfirmOrder, command)
        return await self._once(key, digest, command.order_id, OrderAggregate.confirm)

    async def fence_confirm(self, key: StepKey) -> bool:
        """Make sure that no late `confirm` of this saga can land; True if it had landed."""
        async with self._database.transaction() as tx:
            return await self._barrier.fence(tx, key)

    async def begin_return(self, key: StepKey, command: StartReturn) -> Order:
        """Record that the order is being returned. Rejected `not_returnable`."""
        digest = digest_of(StartReturn, command)
        return await self._once(
            key, digest, command.order_id, lambda order: order.begin_return(key.saga_id)
        )

    async def abandon_return(self, key: StepKey, command: StartReturn, reason: Reason) -> Reason:
        """Undo `begin_return` and say why; the reason that was recorded first."""

        async def undo(_: Order | None) -> Reason:
            order = await self._load(tx, command.order_id)
            if decided := order.abandon_return(key.saga_id, reason):
                await self._record(tx, order, decided)
            return reason

        digest = digest_of(StartReturn, command)
        async with self._database.transaction() as tx:
            return await self._barrier.compensation(tx, key, Order, Reason, undo, digest=digest)

    async def complete_return(self, key: StepKey, command: StartReturn) -> Order:
        """Record the order as returned. Rejected `not_returning`."""
        digest = digest_of(StartReturn, command)
        return await self._once(
            key, digest, command.order_id, lambda order: order.complete_return(key.saga_id)
        )

    async def note(self, key: StepKey, command: StepNote) -> StepNote:
        """Record that a step is blocked, or no longer; a pending order shows it as its status."""

        async def effect() -> StepNote:
            if await self._events.version(tx, command.order_id):
                await self._change(tx, command.order_id, lambda order: order.note(command))
            return command

        digest = digest_of(StepNote, command)
        noted = StepKey(saga_id=key.saga_id, step=f"{key.step}/{digest[:16]}")
        async with self._database.transaction() as tx:
            return await self._barrier.action(tx, noted, StepNote, effect, digest=digest)

    async def get(self, order_id: str) -> Order:
        """Read an order. NotFound if there is none."""
        async with self._database.statement() as tx:
            return await read_model.find(tx, order_id)

    async def accepted(self, order_id: str) -> AcceptedOrder:
        """What was accepted, for a repeated request. NotFound if nothing is recorded (yet)."""
        async with self._database.statement() as tx:
            return await read_model.accepted(tx, order_id)

    async def command(self, order_id: str) -> CreateOrder:
        """The command that the order was made of, as it was accepted. NotFound if there is none."""
        return command_of(order_id, await self.history(order_id))

    async def statuses(self, order_ids: Sequence[str]) -> dict[str, OrderStatus]:
        """How these orders stand, by their ids; those that are not recorded are left out."""
        async with self._database.statement() as tx:
            return await read_model.statuses(tx, order_ids)

    async def totals(self, status: OrderStatus) -> list[Money]:
        """What the orders in this status cost together, by currency."""
        async with self._database.transaction() as tx:
            return await read_model.totals(tx, status)

    async def page(self, only: OrderFilter, *, limit: int, cursor: str | None) -> OrderPage:
        """A page of orders, newest first. Rejected `invalid_cursor`."""
        async with self._database.statement() as tx:
            return await read_model.page(tx, only, limit=limit, cursor=cursor)

    async def flow(self, seconds: int, slots: int) -> OrderFlow:
        """How orders flowed in the last slots of so many seconds each, and which are open."""
        async with self._database.transaction() as tx:
            return await overview.flow(tx, seconds, slots)

    async def interventions(self, limit: int) -> list[Intervention]:
        """What operators said of blocked steps, newest first."""
        async with self._database.statement() as tx:
            return await overview.interventions(tx, limit)

    async def history(self, order_id: str, *, after: int = 0) -> list[RecordedEvent]:
        """The events behind the version `after`, oldest first. NotFound if there is no order."""
        async with self._database.transaction() as tx:
            found = await self._events.read(tx, order_id, after=after)
            if not found and not (after and await self._events.version(tx, order_id)):
                raise read_model.unknown(order_id)
        return found

    async def all_events(self, after: Position, limit: int) -> list[PositionedEvent]:
        """The next events of all orders behind this position, oldest first."""
        async with self._database.statement() as tx:
            return await self._events.read_all(tx, after=after, limit=limit)

    async def newest_event(self) -> Position:
        """Behind everything that `all_events` shows now."""
        async with self._database.statement() as tx:
            return await self._events.newest(tx)

    async def recorded(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first."""
        async with self._database.statement() as tx:
            return await self._barrier.records(tx, saga_id)

    async def epoch(self) -> Epoch:
        """In which life of its database the service is."""
        async with self._database.transaction() as tx:
            return await epoch_of(tx)

    async def installation(self) -> str:
        """The id of the installation that the orders belong to; it is restored with them."""
        async with self._database.transaction() as tx:
            return await installation_id(tx, installation)

    async def _once(self, key: StepKey, digest: str, order_id: str, decide: Decision) -> Order:
        """Change the order as a step's action; a repetition gets the first reply."""
        async with self._database.transaction() as tx:
            its = statements.its(key, digest, order_id)
            row = (await tx.execute(self._claiming, its)).mappings().one()
            stored = self._barrier.judged(key, (row[STATE], row[REPLY]), Order)
            if stored is not None:
                return stored
            order = self._folded(order_id, row)
            return await self._barrier.finish(tx, key, await self._record(tx, order, decide(order)))

    async def _change(self, tx: AsyncConnection, order_id: str, decide: Decision) -> Order:
        """Fold the order, append what `decide` answers, and write the read model."""
        order = await self._load(tx, order_id)
        return await self._record(tx, order, decide(order))

    async def _load(self, tx: AsyncConnection, order_id: str) -> OrderAggregate:
        its = {"its_stream": order_id}
        return self._folded(order_id, (await tx.execute(self._loading, its)).mappings().one())

    def _folded(self, order_id: str, row: RowMapping) -> OrderAggregate:
        behind = self._events.events_of(row[HISTORY])
        return from_state(order_id, row[SNAPSHOT]).after(behind)

    async def _record(
        self, tx: AsyncConnection, order: OrderAggregate, decided: Sequence[NewEvent]
    ) -> Order:
        """Append the events, write the read model and publish, in one statement."""
        before = order.version
        told: list[DomainEvent] = []
        for event in decided:
            order = order.apply(event.type, event.data)
            told += published(event, order)
        parameters = (
            self._events.rows(tx, order.id, decided, expected_version=before)
            | read_model.state(order)
            | self._outbox.rows(tx, told)
        )
        row = (await tx.execute(self._recording, parameters)).mappings().one()
        await self._events.appended(
            tx, order.id, row[WRITTEN], len(decided), expected_version=before
        )
        await self._snapshots.take(tx, order.id, before, order.version, lambda: as_state(order))
        return read_model.saved(row)
