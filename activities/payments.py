"""Steps of the payment service."""

from temporalio import activity

from activities.border import key_of
from contracts.payments import ChargePayment, Payment, PaymentService
from saga import Call


class PaymentActivities:
    """Activities `payment.*`, on the queue `payments`."""

    def __init__(self, payments: PaymentService) -> None:
        self._payments = payments

    @activity.defn(name="payment.charge")
    async def charge(self, call: Call, command: ChargePayment) -> Payment:
        """Capture the money."""
        return await self._payments.charge(key_of(call), command)

    @activity.defn(name="payment.refund")
    async def refund(self, call: Call, command: ChargePayment) -> Payment:
        """Give captured money back, or make sure that none is captured."""
        return await self._payments.refund(key_of(call), command)
