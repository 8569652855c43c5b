"""The payment service's language: one payment for an order, charged and perhaps refunded."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from contracts.message import Message, Money, StepKey
from contracts.records import Epoch, StepRecord


class PaymentStatus(StrEnum):
    """Where the money of an order is."""

    CREATED = "created"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    REFUNDED = "refunded"


class ChargePayment(Message):
    """Charge this amount; the same command refunds it."""

    order_id: str
    amount: Money
    payment_method: str


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


class Captured(Message):
    """Money that is captured for an order, and for how many seconds it has been, or may be."""

    order_id: str
    amount: Money
    seconds: float


class Kept(Message):
    """What the provider keeps of an order's intent: captured, and not given back.

    `known`: whether it is the payment that this service has of the order.
    """

    intent_id: str
    order_id: str
    saga_id: str
    amount: Money
    known: bool


class KeptPage(Message):
    """Intents of the provider, newest first; `next_cursor` continues the list, if there is more."""

    items: tuple[Kept, ...]
    next_cursor: str | None


class PaymentService(Protocol):
    """Money, by way of a payment provider."""

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        """Capture the amount. Rejected with the provider's decline code.

        Unavailable while the provider's answer is not known; ask again.
        """

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        """Undo `charge`: refund what was captured, or cancel what was not, as the provider says."""

    async def give_back(self, key: StepKey, command: GiveBack) -> Payment:
        """Refund a captured payment: a step of a later saga, which leaves the charge on record.

        Rejected `nothing_to_return` if the amount is not captured. Unavailable while the
        provider's answer is not known; ask again.
        """

    async def fence_give_back(self, key: StepKey) -> bool:
        """Make sure that no late `give_back` of this saga can begin; True if it had begun.

        What has begun cannot be called back from the provider, so it must be gone on with.
        """

    async def totals(self, status: PaymentStatus) -> list[Money]:
        """What the payments in this status amount to, by currency."""

    async def captured(self, order_ids: Sequence[str]) -> list[Captured]:
        """What is captured for these orders now, or may be: an outcome that is not known counts.

        The other orders are left out.
        """

    async def kept_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        """What the provider keeps of intents of ours that were made in this time, as it says.

        Intents that are not of orders, and those of which nothing is kept, are left out.
        """

    async def give_back_stray(self, intent_id: str) -> str:
        """Refund an intent that is no payment of this service's; the refund's id.

        Rejected `not_stray` if it is one: then its saga, or `refund`, deals with it.
        """

    async def for_order(self, order_id: str) -> Payment:
        """The payment of an order. NotFound if none was begun."""

    async def recorded(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first; empty if there is nothing."""

    async def epoch(self) -> Epoch:
        """In which life of its database the service is."""
