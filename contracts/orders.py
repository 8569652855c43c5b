"""The order service's language: placing, confirming and closing an order."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from pydantic import Field

from contracts.barrier_records import Epoch
from contracts.base import (
    Message,
    Moment,
    Money,
    Name,
    Quantity,
    Reason,
    Seconds,
    Sku,
    ToldTime,
    is_none,
)
from contracts.event_records import Position, PositionedEvent, RecordedEvent
from contracts.names import wire_name
from contracts.order_statistics import Intervention, OrderFlow
from saga.participant import StepKey
from saga.participant.records import StepRecord

# The event with which an attempt to return an order ended without effect.
RETURN_ABANDONED = "OrderReturnAbandoned"
ACTION_REQUIRED = "OrderActionRequired"  # the event that tells of a `NextAction`
BEGIN_RETURN = "begin_return"  # the step that marks an order as being returned
PAY_THE_REST = "pay_the_rest"  # no saga's step: what a confirmed order lacks of its price
BY_HAND = frozenset({"skip", "mark_done"})  # words after which nobody tries on


class OrderStatus(StrEnum):
    """Where an order stands. All but pending and blocked are final, save that confirmed may
    become returned.
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    RETURNED = "returned"

    @property
    def is_open(self) -> bool:
        """Whether the saga that places the order is still to settle it."""
        return self in {OrderStatus.PENDING, OrderStatus.BLOCKED}


OPEN_STATUSES = tuple(status for status in OrderStatus if status.is_open)


class OrderLine(Message):
    """So many pieces of one product, at the price when the order was accepted."""

    sku: Sku
    quantity: Quantity
    unit_price: Money


class CreateOrder(Message):
    """An accepted order, complete: it can be recorded, and closed, from this alone.

    The fingerprint of the request that asked for it, and when it was accepted, are kept so that a
    repetition of the request can be answered. Orders from before these were kept have None.
    `authenticate_within`: for how many seconds the customer may authenticate the payment, if it has
    to be; None is for orders from before that was possible, whose charge is declined then.
    """

    order_id: Name
    customer_id: Name
    items: tuple[OrderLine, ...]
    total: Money
    payment_method: Name
    fingerprint: str | None = None
    accepted_at: datetime | None = None
    authenticate_within: Seconds | None = Field(default=None, exclude_if=is_none)


class ConfirmOrder(Message):
    """Make the order binding."""

    order_id: str


class StartReturn(Message):
    """Return a confirmed order, as a whole: what goes back, and how much it was."""

    order_id: Name
    items: tuple[OrderLine, ...]
    total: Money


class SettledStep(Message):
    """A step that nobody tries any more, as an operator said so: see BY_HAND."""

    step: str = Field(examples=["refund_payment"])
    action: Literal["skip", "mark_done"]


# What operators' words have settled of an order's sagas. Left out where there is none, which is
# nearly always: an order is in many messages.
SettledSteps = Annotated[tuple[SettledStep, ...], Field(exclude_if=lambda steps: not steps)]


class NextAction(Message):
    """What somebody has to do before the order can go on: the customer authenticates, at a page.

    After `until` the order is timed out.
    """

    type: Literal["authenticate"] = "authenticate"
    url: str = Field(examples=["https://payments.example/authenticate/pi_1"])
    until: ToldTime


# Left out where there is none, as `SettledSteps` is.
MaybeAction = Annotated[NextAction | None, Field(exclude_if=is_none)]


class RequireAction(Message):
    """For the record, and for the customer: the order waits for this."""

    order_id: str
    next_action: NextAction


class StepNote(Message):
    """For the record: a step of an order's saga is blocked (and why), or is so no longer.

    `role` is what of the step it is: its action, compensation, fence or probe. Notes from before
    roles were told have None. An operator's resolution, if there was one, is kept with who gave it
    and on what evidence. `covers`: the money that it is of, if it is of a part.
    """

    order_id: str
    step: str
    blocked: str | None
    still_blocked: bool
    action: str | None = None
    evidence: str | None = None
    who: str | None = None
    role: str | None = None
    covers: Money | None = Field(default=None, exclude_if=lambda covers: covers is None)


class Order(Message):
    """An order as its read model shows it. `version` counts its events.

    Its status does not promise what is in `settled_by_hand`: skipped, it is not done; marked as
    done, a person answers for it. `next_action`: what it waits for somebody to do.
    """

    id: str
    customer_id: str
    status: OrderStatus
    items: tuple[OrderLine, ...]
    total: Money
    reason: Reason | None
    version: int
    created_at: datetime
    updated_at: datetime
    settled_by_hand: SettledSteps = ()
    next_action: MaybeAction = None


class AcceptedOrder(Message):
    """The order as its caller was told of it when it was accepted, and of which request.

    `fingerprint` is None for an order from before fingerprints were recorded.
    """

    order: Order
    fingerprint: str | None


class OrderPage(Message):
    """Orders, newest first; `next_cursor` continues the list, if there is more."""

    items: tuple[Order, ...]
    next_cursor: str | None


class OrderFilter(Message):
    """Which orders to list. Recorded at or after `created_from`, and before `created_to`.

    `settled_by_hand`: whether operators have settled something of them.
    """

    status: OrderStatus | None = None
    customer_id: str | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    settled_by_hand: bool | None = None


class OrderService(Protocol):
    """Orders, event-sourced."""

    async def create(self, key: StepKey, command: CreateOrder) -> Order:
        """Record the order as pending."""

    async def close(
        self, key: StepKey, command: CreateOrder, status: OrderStatus, reason: Reason
    ) -> Order:
        """Undo `create`: end the order as rejected, cancelled or timed out, and say why.

        An order that `create` never recorded is recorded as closed, so that every accepted
        order leaves a trace. One that another saga has recorded stays as it is, and is answered.
        """

    async def confirm(self, key: StepKey, command: ConfirmOrder) -> Order:
        """Confirm a pending order. Rejected `not_pending` if it is closed.

        Rejected `foreign_saga` if another saga has placed it. Unavailable if it is not on record at
        all: a saga that confirms has placed it, so the record is lost, and that is no answer.
        """

    async def fence_confirm(self, key: StepKey) -> bool:
        """Make sure that no late `confirm` of this saga can land; True if it had landed."""

    async def begin_return(self, key: StepKey, command: StartReturn) -> Order:
        """Record that the order is being returned; until that ends, no other saga may.

        Rejected `not_returnable` unless it is confirmed and no return of it is under way, and
        `foreign_saga` if this saga's id is not that of a return of it.
        """

    async def abandon_return(self, key: StepKey, command: StartReturn, reason: Reason) -> Reason:
        """Undo `begin_return` and say why; the reason that was recorded first.

        A return that ended before it began is recorded as abandoned too, if the order could have
        been returned: the number of abandoned returns tells which attempt is the next.
        """

    async def complete_return(self, key: StepKey, command: StartReturn) -> Order:
        """Record the order as returned. Rejected `not_returning` if not by this saga."""

    async def note(self, key: StepKey, command: StepNote) -> StepNote:
        """Record that a step is blocked, or no longer; a pending order shows it as its status.

        A note is found by its key and by what it says, so that no two notes are taken for one. Of
        an order that is not recorded yet it is the first event. A word after which nobody tries to
        undo a return any more ends that return on record, so that the order can be returned again.
        """

    async def require_action(self, key: StepKey, command: RequireAction) -> RequireAction:
        """Record that somebody has to act; a pending order shows it as its `next_action`.

        Recorded once for each URL, however often it is told; nothing is, of an order that is not
        pending. Keys are as for `note`.
        """

    async def words(self, saga_id: str) -> list[StepNote]:
        """What operators said of this saga's steps in any of its lives, oldest first.

        Only words after which nobody tries on: `skip` and `mark_done`.
        """

    async def get(self, order_id: str) -> Order:
        """Read an order. NotFound if there is none."""

    @wire_name("accepted")
    async def get_accepted_order(self, order_id: str) -> AcceptedOrder:
        """What was accepted, for a repeated request. NotFound if nothing is recorded (yet)."""

    async def command(self, order_id: str) -> CreateOrder:
        """The command that the order was made of, as it was accepted. NotFound if there is none."""

    async def statuses(self, order_ids: Sequence[str]) -> dict[str, OrderStatus]:
        """How these orders stand, by their ids; those that are not recorded are left out."""

    async def totals(self, status: OrderStatus) -> list[Money]:
        """What the orders in this status cost together, by currency."""

    async def page(self, only: OrderFilter, *, limit: int, cursor: str | None) -> OrderPage:
        """A page of orders, newest first. Rejected `invalid_cursor`."""

    async def flow(self, seconds: int, slots: int) -> OrderFlow:
        """How orders flowed in the last slots of so many seconds each, and which are open."""

    async def interventions(self, limit: int) -> list[Intervention]:
        """What operators said of blocked steps, newest first."""

    async def history(self, order_id: str, *, after: int = 0) -> list[RecordedEvent]:
        """The events behind the version `after`, oldest first. NotFound if there is no order."""

    async def all_events(self, after: Position, limit: int) -> list[PositionedEvent]:
        """The next events of all orders behind this position, oldest first."""

    async def list_newest_events(
        self, before: Position | None, limit: int
    ) -> list[PositionedEvent]:
        """The last events of all orders, or the last before this position; newest first."""

    async def newest_event(self) -> Position:
        """Behind everything that `all_events` shows now."""

    @wire_name("recorded")
    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first; empty if there is nothing."""

    async def epoch(self) -> Epoch:
        """In which life of its database the service is."""

    async def is_from_a_backup(self, order_id: str) -> bool:
        """Whether the database was restored since the order was first recorded.

        What became of the order in between may be missing then. False if there is no order.
        """

    async def installation(self) -> str:
        """The id of the installation that the orders belong to; it is restored with them."""
