"""Steps of the payment service."""

from temporalio import activity

from contracts.payments import ChargePayment, GiveBack, Payment, PaymentService
from saga import Call
from saga.participant.activity_errors import key_of


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

    @activity.defn(name="payment.give_back")
    async def give_back(self, call: Call, command: GiveBack) -> Payment:
        """Give captured money back, as an action of a later saga."""
        return await self._payments.give_back(key_of(call), command)

    @activity.defn(name="payment.fence_give_back")
    async def fence_give_back(self, call: Call) -> bool:
        """Refuse a `give_back` that has not begun; True if it had."""
        return await self._payments.fence_give_back(key_of(call))
