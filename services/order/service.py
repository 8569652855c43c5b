"""The rules of orders. One method is one transaction: events, read model and barrier together."""

from collections.abc import Sequence

from contracts.base import Money, Reason
from contracts.event_records import Position, PositionedEvent, RecordedEvent
from contracts.names import ORDER_EVENTS
from contracts.order_statistics import Intervention, OrderFlow
from contracts.orders import (
    AcceptedOrder,
    ConfirmOrder,
    CreateOrder,
    Order,
    OrderFilter,
    OrderPage,
    OrderStatus,
    RequireAction,
    StartReturn,
    StepNote,
)
from infrastructure.eventstore.store import EventStore
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.postgres.installation import installation_id
from infrastructure.telemetry.barriers import count
from saga.participant import StepKey
from saga.participant.barrier import Barrier
from saga.participant.digest import digest_of
from saga.participant.driver_statement import DriverStatement, Row
from services.order import notes, read_model, statistics
from services.order.aggregate import command_of
from services.order.changes import Changes
from services.order.snapshots_and_upcasters import SNAPSHOT_EVERY, UPCASTERS
from services.order.tables import barrier, events, installation, outbox
from services.participant import Participant


class Orders(Participant):
    """Implements `contracts.orders.OrderService` on PostgreSQL."""

    def __init__(self, database: Database, *, snapshot_every: int = SNAPSHOT_EVERY) -> None:
        self._database = database
        publishing = Outbox(outbox)
        self._barrier = Barrier(barrier, publishing, observer=count)
        self._reading = DriverStatement(read_model.reading())
        self._events = EventStore(events, channel=ORDER_EVENTS, upcasters=UPCASTERS)
        self._changes = Changes(
            database, self._barrier, self._events, publishing, snapshot_every=snapshot_every
        )

    async def create(self, key: StepKey, command: CreateOrder) -> Order:
        """Record the order as pending."""
        digest, order_id = digest_of(CreateOrder, command), command.order_id
        return await self._changes.act(
            key, digest, order_id, lambda order: order.place(command, key.saga_id), new=True
        )

    async def close(
        self, key: StepKey, command: CreateOrder, status: OrderStatus, reason: Reason
    ) -> Order:
        """Undo `create`: end the order, and say how and why.

        An order that `create` never recorded is recorded as closed, so that every accepted
        order leaves a trace. One that another saga has recorded stays as it is.
        """

        async def undo(created: Order | None) -> Order:
            order = await self._changes.load(tx, command.order_id)
            if created is None and order.placed:
                return await read_model.find(tx, command.order_id)
            placed = [] if order.placed else order.place(command, key.saga_id)
            closed = order.after(placed).close(status, reason)
            return await self._changes.record(tx, order, [*placed, *closed])

        digest = digest_of(CreateOrder, command)
        async with self._database.transaction() as tx:
            return await self._barrier.compensation(tx, key, Order, Order, undo, digest=digest)

    async def confirm(self, key: StepKey, command: ConfirmOrder) -> Order:
        """Confirm a pending order. Rejected `not_pending` or `foreign_saga`."""
        digest, order_id = digest_of(ConfirmOrder, command), command.order_id
        return await self._changes.act(
            key, digest, order_id, lambda order: order.confirm(key.saga_id)
        )

    async def fence_confirm(self, key: StepKey) -> bool:
        """Make sure that no late `confirm` of this saga can land; True if it had landed."""
        async with self._database.transaction() as tx:
            return await self._barrier.fence(tx, key)

    async def begin_return(self, key: StepKey, command: StartReturn) -> Order:
        """Record that the order is being returned. Rejected `not_returnable`."""
        digest, order_id = digest_of(StartReturn, command), command.order_id
        return await self._changes.act(
            key, digest, order_id, lambda order: order.begin_return(key.saga_id)
        )

    async def abandon_return(self, key: StepKey, command: StartReturn, reason: Reason) -> Reason:
        """Undo `begin_return` and say why; the reason that was recorded first."""
        digest = digest_of(StartReturn, command)
        async with self._database.transaction() as tx:
            return await self._changes.abandon(tx, key, command.order_id, reason, digest)

    async def complete_return(self, key: StepKey, command: StartReturn) -> Order:
        """Record the order as returned. Rejected `not_returning`."""
        digest, order_id = digest_of(StartReturn, command), command.order_id
        return await self._changes.act(
            key, digest, order_id, lambda order: order.complete_return(key.saga_id)
        )

    async def note(self, key: StepKey, command: StepNote) -> StepNote:
        """Record that a step is blocked, or no longer; a pending order shows it as its status."""

        async def effect() -> StepNote:
            await self._changes.note(tx, key.saga_id, command)
            return command

        digest = digest_of(StepNote, command)
        noted = notes.key_of(key, digest)
        async with self._database.transaction() as tx:
            return await self._barrier.action(tx, noted, StepNote, effect, digest=digest)

    async def require_action(self, key: StepKey, command: RequireAction) -> RequireAction:
        """Record that somebody has to act; a pending order shows it as its `next_action`."""

        async def effect() -> RequireAction:
            order = await self._changes.load(tx, command.order_id)
            if decided := order.require_action(command, key.saga_id):
                await self._changes.record(tx, order, decided)
            return command

        digest = digest_of(RequireAction, command)
        noted = notes.key_of(key, digest)
        async with self._database.transaction() as tx:
            return await self._barrier.action(tx, noted, RequireAction, effect, digest=digest)

    async def words(self, saga_id: str) -> list[StepNote]:
        """What operators said of this saga's steps in any of its lives, oldest first."""
        async with self._database.statement() as tx:
            return await notes.words(tx, saga_id)

    async def get(self, order_id: str) -> Order:
        """Read an order. NotFound if there is none."""
        return read_model.read_found(await self._read_row(order_id))

    async def get_accepted_order(self, order_id: str) -> AcceptedOrder:
        """What was accepted, for a repeated request. NotFound if nothing is recorded (yet)."""
        return read_model.read_accepted(await self._read_row(order_id))

    async def _read_row(self, order_id: str) -> Row:
        row = await self._database.single().first(self._reading, {"its_id": order_id})
        if row is None:
            raise read_model.unknown(order_id)
        return row

    async def command(self, order_id: str) -> CreateOrder:
        """The command that the order was made of, as it was accepted. NotFound if there is none."""
        found = command_of(order_id, await self.history(order_id))
        if found is None:
            raise read_model.unknown(order_id)
        return found

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
            return await statistics.flow(tx, seconds, slots)

    async def interventions(self, limit: int) -> list[Intervention]:
        """What operators said of blocked steps, newest first."""
        async with self._database.statement() as tx:
            return await statistics.interventions(tx, limit)

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

    async def list_newest_events(
        self, before: Position | None, limit: int
    ) -> list[PositionedEvent]:
        """The last events of all orders, or the last before this one; newest first."""
        async with self._database.statement() as tx:
            return await self._events.read_newest(tx, before=before, limit=limit)

    async def newest_event(self) -> Position:
        """Behind everything that `all_events` shows now."""
        async with self._database.statement() as tx:
            return await self._events.newest(tx)

    async def is_from_a_backup(self, order_id: str) -> bool:
        """Whether the database was restored since the order was first recorded."""
        async with self._database.transaction() as tx:
            return await self._events.is_from_a_backup(tx, order_id)

    async def installation(self) -> str:
        """The id of the installation that the orders belong to; it is restored with them."""
        async with self._database.transaction() as tx:
            return await installation_id(tx, installation)
