"""The payment service's language: one payment for an order, charged and perhaps refunded."""

from enum import StrEnum
from typing import Protocol

from contracts.message import Message, Money, StepKey


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


class Payment(Message):
    """The payment of an order; `intent_id` is the provider's name for it, once there is one."""

    order_id: str
    status: PaymentStatus
    amount: Money
    intent_id: str | None
    refund_id: str | None = None
    detail: str | None = None


class PaymentService(Protocol):
    """Money, by way of a payment provider."""

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        """Capture the amount. Rejected with the provider's decline code.

        Unavailable while the provider's answer is not known; ask again.
        """

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        """Undo `charge`: refund what was captured, or cancel what was not, as the provider says."""

    async def for_order(self, order_id: str) -> Payment:
        """The payment of an order. NotFound if none was begun."""
