"""The order service's language: placing, confirming and closing an order."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from contracts.events import RecordedEvent
from contracts.message import Message, Money, Quantity, Reason, Sku, StepKey


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


class OrderLine(Message):
    """So many pieces of one product, at the price when the order was accepted."""

    sku: Sku
    quantity: Quantity
    unit_price: Money


class CreateOrder(Message):
    """An accepted order, complete: it can be recorded, and closed, from this alone."""

    order_id: str
    customer_id: str
    items: tuple[OrderLine, ...]
    total: Money
    payment_method: str


class ConfirmOrder(Message):
    """Make the order binding."""

    order_id: str


class StepNote(Message):
    """For the record: a step of the order's saga is blocked (and why), or is so no longer.

    An operator's resolution, if there was one, is kept with who gave it and on what evidence.
    """

    order_id: str
    step: str
    blocked: str | None
    still_blocked: bool
    action: str | None = None
    evidence: str | None = None
    who: str | None = None


class Order(Message):
    """An order as its read model shows it. `version` counts its events."""

    id: str
    customer_id: str
    status: OrderStatus
    items: tuple[OrderLine, ...]
    total: Money
    reason: Reason | None
    version: int
    created_at: datetime
    updated_at: datetime


class OrderPage(Message):
    """Orders, newest first; `next_cursor` continues the list, if there is more."""

    items: tuple[Order, ...]
    next_cursor: str | None


class OrderFilter(Message):
    """Which orders to list."""

    status: OrderStatus | None = None
    customer_id: str | None = None


class OrderService(Protocol):
    """Orders, event-sourced."""

    async def create(self, key: StepKey, command: CreateOrder) -> Order:
        """Record the order as pending."""

    async def close(
        self, key: StepKey, command: CreateOrder, status: OrderStatus, reason: Reason
    ) -> Order:
        """Undo `create`: end the order as rejected, cancelled or timed out, and say why.

        An order that `create` never recorded is recorded as closed, so that every accepted
        order leaves a trace.
        """

    async def confirm(self, key: StepKey, command: ConfirmOrder) -> Order:
        """Confirm a pending order. Rejected `not_pending` if it is closed."""

    async def fence_confirm(self, key: StepKey) -> bool:
        """Make sure that no late `confirm` of this saga can land; True if it had landed."""

    async def note(self, key: StepKey, command: StepNote) -> StepNote:
        """Record that a step is blocked, or no longer; a pending order shows it as its status.

        Nothing is recorded of an order that is not recorded itself.
        """

    async def get(self, order_id: str) -> Order:
        """Read an order. NotFound if there is none."""

    async def page(self, only: OrderFilter, *, limit: int, cursor: str | None) -> OrderPage:
        """A page of orders, newest first. Rejected `invalid_cursor`."""

    async def history(self, order_id: str) -> list[RecordedEvent]:
        """All events of an order, oldest first. NotFound if there is none."""
