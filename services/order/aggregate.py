"""The order as a fold over its events. Pure: no clock, no I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.base import Money, Reason
from contracts.event_records import RecordedEvent
from contracts.names import is_return_of
from contracts.orders import (
    ACTION_REQUIRED,
    BEGIN_RETURN,
    BY_HAND,
    RETURN_ABANDONED,
    CreateOrder,
    NextAction,
    OrderLine,
    OrderStatus,
    RequireAction,
    SettledStep,
    StepNote,
)
from infrastructure.eventstore.store import NewEvent
from saga.participant import Op, Rejected, Unavailable

CLOSING = {
    OrderStatus.REJECTED: "OrderRejected",
    OrderStatus.CANCELLED: "OrderCancelled",
    OrderStatus.TIMED_OUT: "OrderTimedOut",
}
KEPT = {"fingerprint", "accepted_at", "authenticate_within"}  # of the command, as it is
STATUS_AFTER = {
    "OrderConfirmed": OrderStatus.CONFIRMED,
    "OrderReturned": OrderStatus.RETURNED,
} | {event: status for status, event in CLOSING.items()}


@dataclass(frozen=True)
class OrderAggregate:
    """An order at some version. Deciding methods return new events and change nothing.

    `saga_id` is the saga that placed it, which alone may confirm or close it; None if it was placed
    before that was recorded. `returning` is the saga that returns it at present; its status is
    confirmed meanwhile.
    """

    id: str
    version: int = 0
    customer_id: str = ""
    status: OrderStatus = OrderStatus.PENDING
    items: tuple[OrderLine, ...] = ()
    total: Money | None = None
    fingerprint: str | None = None
    accepted_at: datetime | None = None
    reason: Reason | None = None
    returning: str | None = None
    saga_id: str | None = None
    settled_by_hand: tuple[SettledStep, ...] = ()
    next_action: NextAction | None = None

    @property
    def placed(self) -> bool:
        """Whether it has begun. Before that, there may be notes on steps that were blocked."""
        return self.total is not None

    @classmethod
    def from_history(
        cls, order_id: str, events: Iterable[RecordedEvent], *, at: int | datetime | None = None
    ) -> "OrderAggregate":
        """The state after these events, or as it was at a version or a moment.

        An order that had not begun by then has version 0.
        """
        return cls(order_id).after(event for event in events if _was_there(event, at))

    def after(self, events: Iterable[RecordedEvent | NewEvent]) -> "OrderAggregate":
        """The state after these events, which must be the next ones."""
        order = self
        for event in events:
            order = order.apply(event.type, event.data)
        return order

    def apply(self, event_type: str, data: Mapping[str, Any]) -> "OrderAggregate":
        """The state after one more event. ValueError for an event that this code does not know."""
        fold = FOLDS.get(event_type)
        if fold is None:
            raise ValueError(f"order {self.id}: unknown event {event_type}")
        return replace(fold(self, data, event_type), version=self.version + 1)

    def place(self, command: CreateOrder, saga_id: str) -> list[NewEvent]:
        """Begin the order. Rejected `already_placed` if it has begun."""
        if self.placed:
            raise Rejected("already_placed", f"order {self.id} has been placed before")
        placed = NewEvent(
            "OrderPlaced",
            {
                "customer_id": command.customer_id,
                "total": command.total.model_dump(),
                "payment_method": command.payment_method,
                "saga_id": saga_id,
                **command.model_dump(mode="json", include=KEPT),
            },
        )
        return [placed, *(NewEvent("ItemAdded", item.model_dump()) for item in command.items)]

    def confirm(self, saga_id: str) -> list[NewEvent]:
        """Make it binding. Rejected `not_pending` if closed, `foreign_saga` if not this saga's.

        Unavailable if it is not on record: whoever confirms an order has placed it.
        """
        if not self.placed:
            raise Unavailable(f"order {self.id} is not on record: its database has lost it")
        if self.saga_id not in {None, saga_id}:
            detail = f"order {self.id} is carried by {self.saga_id}, not by {saga_id}"
            raise Rejected("foreign_saga", detail)
        self._must_be_pending()
        return [NewEvent("OrderConfirmed", {})]

    def close(self, status: OrderStatus, reason: Reason) -> list[NewEvent]:
        """End it without effect. Rejected `not_pending` if it is confirmed or closed already."""
        self._must_be_pending()
        return [NewEvent(CLOSING[status], reason.model_dump() | self._tell_settled())]

    def begin_return(self, saga_id: str) -> list[NewEvent]:
        """Let this saga return it. Rejected `not_returnable`: not confirmed, or another does.

        Rejected `foreign_saga` if the saga's id is not that of a return of it.
        """
        if not is_return_of(saga_id, self.id):
            raise Rejected("foreign_saga", f"{saga_id} is no return of order {self.id}")
        if not self._returnable():
            state = "being returned" if self.returning else f"{self.status}, not confirmed"
            raise Rejected("not_returnable", f"order {self.id} is {state}")
        return [NewEvent("OrderReturnStarted", {"saga_id": saga_id})]

    def abandon_return(self, saga_id: str, reason: Reason) -> list[NewEvent]:
        """End this saga's return, or note that it ended before it began; else nothing."""
        could_begin = self._returnable() and is_return_of(saga_id, self.id)
        if self.returning != saga_id and not could_begin:
            return []
        return [NewEvent(RETURN_ABANDONED, {"saga_id": saga_id, **reason.model_dump()})]

    def complete_return(self, saga_id: str) -> list[NewEvent]:
        """It is returned. Rejected `not_returning` if this saga does not return it."""
        if self.returning != saga_id:
            raise Rejected("not_returning", f"order {self.id} is not being returned by {saga_id}")
        return [NewEvent("OrderReturned", self._tell_settled())]

    def _tell_settled(self) -> dict[str, Any]:
        """What the status that is recorded now does not promise, if there is such."""
        told = [settled.model_dump() for settled in self.settled_by_hand]
        return {"settled_by_hand": told} if told else {}

    def _returnable(self) -> bool:
        return self.status == OrderStatus.CONFIRMED and self.returning is None

    def note(self, note: StepNote, saga_id: str) -> list[NewEvent]:
        """Record what became of a step of a saga of it."""
        event_type = "StepBlocked" if note.blocked else "StepUnblocked"
        said = note.model_dump(exclude={"order_id"}, exclude_none=True)
        return [NewEvent(event_type, said | {"saga_id": saga_id})]

    def require_action(self, command: RequireAction, saga_id: str) -> list[NewEvent]:
        """Record what its customer has to do for its own saga to go on, while it is pending.

        Nothing, if that is known.
        """
        known = self.next_action is not None and self.next_action.url == command.next_action.url
        waits = self.placed and self.status is OrderStatus.PENDING
        if known or not waits or self.saga_id not in {None, saga_id}:
            return []
        return [NewEvent(ACTION_REQUIRED, command.next_action.model_dump(mode="json"))]

    def _must_be_pending(self) -> None:
        if not self.placed or not self.status.is_open:
            raise Rejected("not_pending", f"order {self.id} is {self.status}, not pending")


def ends_return(note: StepNote) -> bool:
    """Whether nobody tries any more to undo the return that the note is of.

    What was said of its action leaves it as it is. Notes of before roles were told have none.
    """
    of_undoing = note.role in {None, Op.COMPENSATION}
    return note.step == BEGIN_RETURN and note.action in BY_HAND and of_undoing


def command_of(order_id: str, history: Sequence[RecordedEvent]) -> CreateOrder | None:
    """The command that an order was made of, from its history; None if it has not begun."""
    order = OrderAggregate.from_history(order_id, history)
    if not order.placed:
        return None
    placed = next(event.data for event in history if event.type == "OrderPlaced")
    return CreateOrder(
        order_id=order_id,
        items=order.items,
        **{name: placed[name] for name in CreateOrder.model_fields if name in placed},
    )


def _was_there(event: RecordedEvent, at: int | datetime | None) -> bool:
    if isinstance(at, datetime):
        return event.recorded_at <= at
    return at is None or event.version <= at


Fold = Callable[[OrderAggregate, Mapping[str, Any], str], OrderAggregate]


def _apply_placed(order: OrderAggregate, data: Mapping[str, Any], _: str) -> OrderAggregate:
    """What was blocked before is of an earlier life of its saga: this one goes on."""
    accepted_at = data["accepted_at"]
    return replace(
        order,
        status=OrderStatus.PENDING,
        customer_id=data["customer_id"],
        total=Money(**data["total"]),
        fingerprint=data["fingerprint"],
        saga_id=data.get("saga_id"),
        accepted_at=datetime.fromisoformat(accepted_at) if accepted_at else None,
    )


def _apply_item_added(order: OrderAggregate, data: Mapping[str, Any], _: str) -> OrderAggregate:
    return replace(order, items=(*order.items, OrderLine.model_validate(data)))


def _apply_status(
    order: OrderAggregate, data: Mapping[str, Any], event_type: str
) -> OrderAggregate:
    reason = Reason.model_validate(data) if "code" in data else None
    status = STATUS_AFTER[event_type]
    return replace(order, status=status, reason=reason, returning=None, next_action=None)


def _apply_return_started(order: OrderAggregate, data: Mapping[str, Any], _: str) -> OrderAggregate:
    return replace(order, returning=data["saga_id"])


def _apply_return_abandoned(order: OrderAggregate, _: Mapping[str, Any], __: str) -> OrderAggregate:
    """Plainly confirmed again: why it was abandoned stays in the history."""
    return replace(order, returning=None)


def _apply_note(order: OrderAggregate, data: Mapping[str, Any], _: str) -> OrderAggregate:
    """What is blocked past its confirmation stays confirmed: that much is true.

    Nor does a step of another saga than its own say how an order stands.
    """
    if data.get("action") in BY_HAND:
        settled = SettledStep(step=data["step"], action=data["action"])
        every = dict.fromkeys((*order.settled_by_hand, settled))
        order = replace(order, settled_by_hand=tuple(every))
    owner = order.saga_id or data.get("saga_id")
    if not order.status.is_open or data.get("saga_id", owner) != owner:
        return order
    status = OrderStatus.BLOCKED if data["still_blocked"] else OrderStatus.PENDING
    return replace(order, status=status, next_action=None)


def _apply_action_required(
    order: OrderAggregate, data: Mapping[str, Any], _: str
) -> OrderAggregate:
    return replace(order, next_action=NextAction.model_validate(data))


FOLDS: Mapping[str, Fold] = {
    "StepBlocked": _apply_note,
    "StepUnblocked": _apply_note,
    "OrderPlaced": _apply_placed,
    "ItemAdded": _apply_item_added,
    ACTION_REQUIRED: _apply_action_required,
    "OrderReturnStarted": _apply_return_started,
    RETURN_ABANDONED: _apply_return_abandoned,
    **dict.fromkeys(STATUS_AFTER, _apply_status),
}
