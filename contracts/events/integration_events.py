"""The domain events that services publish: their types, and what each carries.

Ids only, where a person is concerned: personal data stays behind the user service. A field may be
added at any time. What a consumer relies on is removed or changed only under a new version of the
type's schema, which `dataschema` of the envelope names.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from contracts.base import Message, Money, Reason
from contracts.inventory import Price, StockLine
from contracts.orders import MaybeAction, OrderStatus, SettledSteps
from contracts.payments import PaymentStatus


class EventType(StrEnum):
    """What can have happened, as the envelope's `type` says it."""

    USER_CREATED = "user.created"
    USER_DEACTIVATED = "user.deactivated"
    USER_ERASED = "user.erased"
    ORDER_PLACED = "order.placed"
    ORDER_ACTION_REQUIRED = "order.action_required"
    ORDER_BLOCKED = "order.blocked"
    ORDER_UNBLOCKED = "order.unblocked"
    ORDER_CONFIRMED = "order.confirmed"
    ORDER_REJECTED = "order.rejected"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_TIMED_OUT = "order.timed_out"
    ORDER_RETURNED = "order.returned"
    PRODUCT_CREATED = "product.created"
    PRODUCT_STOCKED = "product.stocked"
    INVENTORY_RESERVED = "inventory.reserved"
    INVENTORY_RELEASED = "inventory.released"
    INVENTORY_COMMITTED = "inventory.committed"
    INVENTORY_RESTOCKED = "inventory.restocked"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_DECLINED = "payment.declined"
    PAYMENT_REFUNDED = "payment.refunded"
    PAYMENT_VOIDED = "payment.voided"


class UserEvent(Message):
    """An account was opened, or closed for new orders; or its person was erased: forget it too."""

    user_id: str = Field(examples=["usr_5d0f"])


class OrderEvent(Message):
    """An order after something happened to it; `version` counts its events and only grows.

    Its status does not promise what is in `settled_by_hand`: an operator has said that a step is
    not done and never will be (`skip`), or was done by other means (`mark_done`). `next_action` is
    what the customer has to do, lest it is timed out. Both are left out if there is none.
    """

    order_id: str = Field(examples=["ord_8c1e"])
    customer_id: str = Field(examples=["usr_5d0f"])
    status: OrderStatus
    total: Money
    reason: Reason | None
    version: int = Field(ge=1, examples=[3])
    settled_by_hand: SettledSteps = ()
    next_action: MaybeAction = None


class ProductEvent(Message):
    """A product was offered, or pieces of it came in. `stocked` counts all that ever came."""

    sku: str = Field(examples=["ANVIL-1"])
    name: str = Field(examples=["Anvil"])
    price: Price
    stocked: int = Field(ge=0, examples=[10])


class StockEvent(Message):
    """Pieces of an order were held, let go, sold, or put back on the shelf."""

    order_id: str = Field(examples=["ord_8c1e"])
    lines: tuple[StockLine, ...]


class PaymentEvent(Message):
    """Money of an order moved, or finally did not."""

    order_id: str = Field(examples=["ord_8c1e"])
    status: PaymentStatus
    amount: Money
    detail: str | None = Field(description="The code of the provider's refusal, if it declined")


DATA: Mapping[EventType, type[Message]] = {
    EventType.USER_CREATED: UserEvent,
    EventType.USER_DEACTIVATED: UserEvent,
    EventType.USER_ERASED: UserEvent,
    **{event_type: OrderEvent for event_type in EventType if event_type.startswith("order.")},
    EventType.PRODUCT_CREATED: ProductEvent,
    EventType.PRODUCT_STOCKED: ProductEvent,
    **{event_type: StockEvent for event_type in EventType if event_type.startswith("inventory.")},
    **{event_type: PaymentEvent for event_type in EventType if event_type.startswith("payment.")},
}
VERSIONS: Mapping[EventType, int] = dict.fromkeys(EventType, 1)
PUBLISHERS: Mapping[str, tuple[str, ...]] = {
    "user": ("user.",),
    "order": ("order.",),
    "inventory": ("product.", "inventory."),
    "payment": ("payment.",),
}


class DomainEvent(NamedTuple):
    """Something that happened to `subject`, whose events are delivered in order."""

    type: EventType
    subject: str
    data: Message
