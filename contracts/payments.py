"""The payment service's language: one payment for an order, charged and perhaps refunded."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from contracts.barrier_records import Epoch
from contracts.base import Message, Money, Seconds, is_none
from contracts.names import wire_name
from saga.participant import StepKey
from saga.participant.records import StepRecord


class PaymentStatus(StrEnum):
    """Where the money of an order is."""

    CREATED = "created"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    REFUNDED = "refunded"


# The steps that move money; an operator may have answered for what they left undone.
MONEY_STEPS = frozenset({"charge_payment", "refund_payment"})
# With an intent at the provider: money is taken, or may be, as the answer to a charge is awaited.
HOLDING_STATUSES = (PaymentStatus.CREATED, PaymentStatus.CAPTURED)


class ChargePayment(Message):
    """Charge this amount; the same command refunds it.

    `authenticate_within`: for how many seconds its customer may authenticate, who is else declined.
    """

    order_id: str
    amount: Money
    payment_method: str
    authenticate_within: Seconds | None = Field(default=None, exclude_if=is_none)


class GiveBack(Message):
    """Give this amount back: all that was charged for the order."""

    order_id: str
    amount: Money


class Payment(Message):
    """The payment of an order; `intent_id` is the provider's name for it, once there is one."""

    order_id: str
    status: PaymentStatus
    amount: Money
    intent_id: str | None
    refund_id: str | None = None
    detail: str | None = None

    @property
    def holds_money(self) -> bool:
        """Whether money was taken and not given back, or perhaps so."""
        return self.intent_id is not None and self.status in HOLDING_STATUSES


class Captured(Message):
    """Money that is captured for an order, and for how many seconds it has been, or may be."""

    order_id: str
    amount: Money
    seconds: float


class Kept(Message):
    """What the provider says of an order's intent: what of it is kept, of what was captured.

    `known`: it is the intent of the payment that this service has of the order. `payment`: how
    that payment stands here, by whatever intent. `marked`: the intent says that it is of this
    installation; older releases' say nothing. `step`: which step charged it, if it says so.
    `refunded_at`: when the refund was made that it was found by, if it was.
    """

    intent_id: str
    order_id: str
    saga_id: str
    amount: Money
    known: bool
    captured: Money
    payment: PaymentStatus | None = None
    marked: bool = False
    step: str | None = None
    refunded_at: datetime | None = None


class KeptPage(Message):
    """Intents of the provider, newest first; `next_cursor` continues the list, if there is more.

    `foreign` counts those of other installations, which are left out.
    """

    items: tuple[Kept, ...]
    next_cursor: str | None
    foreign: int = 0


class PaymentService(Protocol):
    """Money, by way of a payment provider."""

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        """Capture the amount. Rejected with the provider's decline code.

        Pending, with the `url` of a page, while the customer has to authenticate there; ask again.
        Unavailable while the provider's answer is not known; ask again.
        """

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        """Undo `charge`: refund what was captured, or cancel what was not, as the provider says.

        It touches nothing that another saga or step has charged.
        """

    async def give_back(self, key: StepKey, command: GiveBack) -> Payment:
        """Refund a captured payment: a step of a later saga, which leaves the charge on record.

        Rejected `nothing_to_return` if the amount is not captured, or the saga is none that returns
        the order. Unavailable while the provider's answer is not known; ask again.
        """

    async def fence_give_back(self, key: StepKey) -> bool:
        """Make sure that no late `give_back` of this saga can begin; True if it had begun.

        What has begun cannot be called back from the provider, so it must be gone on with.
        """

    async def totals(self, status: PaymentStatus) -> list[Money]:
        """What the payments in this status amount to, by currency."""

    @wire_name("captured")
    async def list_captured(self, order_ids: Sequence[str]) -> list[Captured]:
        """What is captured for these orders now, or may be: an outcome that is not known counts.

        The other orders are left out.
        """

    async def kept_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        """What the provider keeps of captures whose intents were made in this time, as it says.

        Intents that are not of orders, and those of other installations, are left out.
        """

    async def refunded_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        """Payments here that refunds made in this time contradict, as the provider says.

        They are refunded here, but a refund failed, if only days after; or they are captured here,
        but were refunded by hand.
        """

    async def kept_of(self, order_id: str, intent_id: str | None = None) -> Kept | None:
        """What the provider keeps of the order's payment; None if it captured nothing for it.

        With `intent_id`, of this one of the order's intents, be it on record here or not.
        """

    async def of_orders(self, order_ids: Sequence[str]) -> list[Payment]:
        """The payments of these orders; those without one are left out."""

    async def adopt(self, key: StepKey, command: ChargePayment, intent_id: str) -> Payment:
        """Record a charge that the provider has and this service has lost, of a confirmed order.

        As if the step had just done it, so that a repeated step gets its reply and a return can
        give it back. Rejected `not_adoptable` unless the intent is of this saga's order, has
        captured this amount and keeps it all, and there is no other payment of the order.
        """

    async def settle(self, intent_id: str, order_id: str) -> str:
        """Give back what the provider keeps of an order that ended without it; the refund's id.

        Whoever asks has made sure that the order did. Rejected `not_ours` unless the payment here,
        or the intent itself, says that it is of this order and installation;
        `refund_keeps_failing` if its refunds failed too often. What is done stays done, however
        often one asks. A charge that has not taken effect here is refused from now on.
        """

    async def for_order(self, order_id: str) -> Payment:
        """The payment of an order. NotFound if none was begun."""

    @wire_name("recorded")
    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first; empty if there is nothing."""

    async def epoch(self) -> Epoch:
        """In which life of its database the service is."""
