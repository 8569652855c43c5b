"""Orders in memory: the real aggregate over a list of events for each."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from contracts.barrier_records import Epoch
from contracts.base import Money, Reason
from contracts.event_records import RecordedEvent
from contracts.order_statistics import FlowSlice, Intervention, OrderFlow
from contracts.orders import (
    BY_HAND,
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
from saga.participant import NotFound, Rejected, StepKey
from saga.participant.digest import digest_of
from saga.participant.records import StepRecord
from services.order.aggregate import OrderAggregate, command_of, ends_return
from services.order.changes import Decision
from services.order.notes import BY_OPERATOR, begun_by, key_of
from tests.support.fakes.barrier import Barrier
from tests.support.fakes.sums import sum_by_currency


class FakeOrders:
    """Implements `contracts.orders.OrderService`."""

    def __init__(self) -> None:
        self._events: dict[str, list[RecordedEvent]] = {}
        self._barrier = Barrier()
        self._words: list[tuple[str, StepNote]] = []
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    async def create(self, key: StepKey, command: CreateOrder) -> Order:
        digest = digest_of(CreateOrder, command)
        return self._once(
            key, digest, command.order_id, lambda order: order.place(command, key.saga_id)
        )

    async def close(
        self, key: StepKey, command: CreateOrder, status: OrderStatus, reason: Reason
    ) -> Order:
        def undo(created: Order | None) -> Order:
            placed = self._fold(command.order_id).placed
            if placed and created is None:
                return self._order(command.order_id)
            if not placed:
                self._append(command.order_id, lambda order: order.place(command, key.saga_id))
            return self._change(command.order_id, lambda order: order.close(status, reason))

        return self._barrier.compensation(key, digest_of(CreateOrder, command), undo)

    async def confirm(self, key: StepKey, command: ConfirmOrder) -> Order:
        digest = digest_of(ConfirmOrder, command)
        return self._once(key, digest, command.order_id, lambda order: order.confirm(key.saga_id))

    async def fence_confirm(self, key: StepKey) -> bool:
        return self._barrier.fence(key)

    async def begin_return(self, key: StepKey, command: StartReturn) -> Order:
        digest = digest_of(StartReturn, command)
        return self._once(
            key, digest, command.order_id, lambda order: order.begin_return(key.saga_id)
        )

    async def abandon_return(self, key: StepKey, command: StartReturn, reason: Reason) -> Reason:
        return self._abandon(key, command.order_id, reason, digest_of(StartReturn, command))

    async def complete_return(self, key: StepKey, command: StartReturn) -> Order:
        digest = digest_of(StartReturn, command)
        return self._once(
            key, digest, command.order_id, lambda order: order.complete_return(key.saga_id)
        )

    async def note(self, key: StepKey, command: StepNote) -> StepNote:
        def effect() -> StepNote:
            if ends_return(command):
                self._abandon(begun_by(key.saga_id), command.order_id, BY_OPERATOR, None)
            self._append(command.order_id, lambda order: order.note(command, key.saga_id))
            if command.action in BY_HAND:
                self._words.append((key.saga_id, command))
            return command

        digest = digest_of(StepNote, command)
        return self._barrier.action(key_of(key, digest), digest, effect)

    async def require_action(self, key: StepKey, command: RequireAction) -> RequireAction:
        def effect() -> RequireAction:
            self._append(command.order_id, lambda order: order.require_action(command, key.saga_id))
            return command

        digest = digest_of(RequireAction, command)
        return self._barrier.action(key_of(key, digest), digest, effect)

    async def words(self, saga_id: str) -> list[StepNote]:
        return [word for said_of, word in self._words if said_of == saga_id]

    async def get(self, order_id: str) -> Order:
        return self._order(order_id)

    async def get_accepted_order(self, order_id: str) -> AcceptedOrder:
        found, folded = self._order(order_id), self._fold(order_id)
        then = folded.accepted_at or found.created_at
        changed = {"status": OrderStatus.PENDING, "reason": None, "version": 0}
        times = {"created_at": then, "updated_at": then}
        return AcceptedOrder(
            order=found.model_copy(update=changed | times), fingerprint=folded.fingerprint
        )

    async def page(self, only: OrderFilter, *, limit: int, cursor: str | None) -> OrderPage:
        if cursor is not None and cursor not in self._events:
            raise Rejected("invalid_cursor", "use `next_cursor` as it was given")
        newest = self._all()[::-1]
        if cursor is not None:
            newest = newest[[item.id for item in newest].index(cursor) + 1 :]
        found = [item for item in newest if _fits(item, only)]
        items = tuple(found[:limit])
        return OrderPage(items=items, next_cursor=items[-1].id if len(found) > limit else None)

    async def flow(self, seconds: int, slots: int) -> OrderFlow:
        found = self._all()
        ages = [int((self._now - row.created_at).total_seconds()) // seconds for row in found]
        counted = Counter((age, row.status) for age, row in zip(ages, found, strict=True))
        waiting = [row for row in found if row.status in {"pending", "blocked"}]
        return OrderFlow(
            now=self._now,
            slices=tuple(
                FlowSlice(slot=slot, status=status, orders=orders)
                for (slot, status), orders in sorted(counted.items())
                if slot < slots
            ),
            open=len(waiting),
            oldest_id=waiting[0].id if waiting else None,
            oldest_at=waiting[0].created_at if waiting else None,
        )

    async def interventions(self, limit: int) -> list[Intervention]:
        told = [
            Intervention(order_id=order_id, recorded_at=event.recorded_at, **event.data)
            for order_id, events in self._events.items()
            for event in events
            if "who" in event.data
        ]
        return sorted(told, key=lambda it: it.recorded_at, reverse=True)[:limit]

    async def history(self, order_id: str) -> list[RecordedEvent]:
        if order_id not in self._events:
            raise _unknown(order_id)
        return list(self._events[order_id])

    async def command(self, order_id: str) -> CreateOrder:
        found = command_of(order_id, await self.history(order_id))
        if found is None:
            raise _unknown(order_id)
        return found

    async def statuses(self, order_ids: Sequence[str]) -> dict[str, OrderStatus]:
        found = [order for order in self._all() if order.id in set(order_ids)]
        return {row.id: row.status for row in found}

    async def totals(self, status: OrderStatus) -> list[Money]:
        found = self._all()
        return sum_by_currency([row.total for row in found if row.status == status])

    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
        return self._barrier.records(saga_id)

    async def epoch(self) -> Epoch:
        return Epoch(database="in memory", transaction=0)

    async def is_from_a_backup(self, order_id: str) -> bool:
        return False

    async def installation(self) -> str:
        return "ins_of_the_fake"

    def _once(self, key: StepKey, digest: str, order_id: str, decide: Decision) -> Order:
        return self._barrier.action(key, digest, lambda: self._change(order_id, decide))

    def _abandon(self, key: StepKey, order_id: str, reason: Reason, digest: str | None) -> Reason:
        def undo(_: Order | None) -> Reason:
            self._append(order_id, lambda order: order.abandon_return(key.saga_id, reason))
            return reason

        return self._barrier.compensation(key, digest, undo)

    def _change(self, order_id: str, decide: Decision) -> Order:
        self._append(order_id, decide)
        return self._order(order_id)

    def _append(self, order_id: str, decide: Decision) -> None:
        decided = decide(self._fold(order_id))
        events = self._events.setdefault(order_id, []) if decided else []
        for event in decided:
            self._now += timedelta(seconds=1)
            version = len(events) + 1
            moment = self._now
            events.append(
                RecordedEvent(
                    version=version, type=event.type, data=dict(event.data), recorded_at=moment
                )
            )

    def _all(self) -> list[Order]:
        placed = [order_id for order_id in self._events if self._fold(order_id).placed]
        found = [self._order(order_id) for order_id in placed]
        return sorted(found, key=lambda order: (order.created_at, order.id))

    def _fold(self, order_id: str) -> OrderAggregate:
        return OrderAggregate.from_history(order_id, self._events.get(order_id, ()))

    def _order(self, order_id: str) -> Order:
        folded, events = self._fold(order_id), self._events.get(order_id, [])
        if folded.total is None:
            raise _unknown(order_id)
        placed = next(event for event in events if event.type == "OrderPlaced")
        return Order(
            id=order_id,
            customer_id=folded.customer_id,
            status=folded.status,
            items=folded.items,
            total=folded.total,
            reason=folded.reason,
            version=folded.version,
            created_at=folded.accepted_at or placed.recorded_at,
            updated_at=events[-1].recorded_at,
            settled_by_hand=folded.settled_by_hand,
            next_action=folded.next_action,
        )


def _unknown(order_id: str) -> NotFound:
    return NotFound("unknown_order", f"there is no order {order_id}")


def _fits(order: Order, only: OrderFilter) -> bool:
    return (
        only.status in {None, order.status}
        and only.customer_id in {None, order.customer_id}
        and (only.created_from is None or order.created_at >= only.created_from)
        and (only.created_to is None or order.created_at < only.created_to)
        and only.settled_by_hand in {None, bool(order.settled_by_hand)}
    )
