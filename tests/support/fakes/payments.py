"""Payments in memory, with a provider that declines by the method's name."""

from collections.abc import Sequence
from datetime import datetime

from contracts.errors import NotFound, Rejected
from contracts.message import Money, StepKey
from contracts.payments import (
    Captured,
    ChargePayment,
    GiveBack,
    Kept,
    KeptPage,
    Payment,
    PaymentStatus,
)
from contracts.records import Epoch, StepRecord
from infrastructure.commands import digest_of
from tests.support.fakes.barrier import Barrier
from tests.support.fakes.sums import summed


class FakePayments:
    """Implements `contracts.payments.PaymentService`."""

    def __init__(self) -> None:
        self._payments: dict[str, Payment] = {}
        self._barrier = Barrier()

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        def effect() -> Payment:
            if "chargeDeclined" in command.payment_method:
                self._set(command, PaymentStatus.DECLINED)
                raise Rejected("generic_decline", "the card was declined")
            return self._set(command, PaymentStatus.CAPTURED)

        return self._barrier.action(key, digest_of(ChargePayment, command), effect)

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        def undo(charged: Payment | None) -> Payment:
            if charged is None:
                nothing = self._payment(command, PaymentStatus.VOIDED, None)
                return self._payments.get(command.order_id, nothing)
            return self._set(command, PaymentStatus.REFUNDED)

        return self._barrier.compensation(key, digest_of(ChargePayment, command), undo)

    async def give_back(self, key: StepKey, command: GiveBack) -> Payment:
        def effect() -> Payment:
            found = self._payments.get(command.order_id)
            if found is None or found.status != PaymentStatus.CAPTURED:
                raise Rejected("nothing_to_return", f"nothing is captured of {command.order_id}")
            return self._set(command, PaymentStatus.REFUNDED)

        return self._barrier.action(key, digest_of(GiveBack, command), effect)

    async def fence_give_back(self, key: StepKey) -> bool:
        return self._barrier.fence(key)

    async def for_order(self, order_id: str) -> Payment:
        if order_id not in self._payments:
            raise NotFound("unknown_payment", f"there is no payment of order {order_id}")
        return self._payments[order_id]

    async def captured(self, order_ids: Sequence[str]) -> list[Captured]:
        return [
            Captured(order_id=it.order_id, amount=it.amount, seconds=0.0)
            for it in self._payments.values()
            if it.order_id in order_ids and it.status == PaymentStatus.CAPTURED
        ]

    async def kept_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        kept = [
            Kept(
                intent_id=f"pi_{it.order_id}",
                order_id=it.order_id,
                saga_id=f"order-{it.order_id}",
                amount=it.amount,
                known=True,
            )
            for it in self._payments.values()
            if it.status == PaymentStatus.CAPTURED
        ]
        return KeptPage(items=tuple(kept), next_cursor=None)

    async def give_back_stray(self, intent_id: str) -> str:
        raise Rejected("not_stray", f"intent {intent_id} is a payment's")

    async def totals(self, status: PaymentStatus) -> list[Money]:
        return summed(it.amount for it in self._payments.values() if it.status == status)

    async def recorded(self, saga_id: str) -> list[StepRecord]:
        return self._barrier.records(saga_id)

    async def epoch(self) -> Epoch:
        return Epoch(database="in memory", transaction=0)

    def _set(self, command: ChargePayment | GiveBack, status: PaymentStatus) -> Payment:
        payment = self._payment(command, status, f"pi_{command.order_id}")
        self._payments[command.order_id] = payment
        return payment

    def _payment(
        self, command: ChargePayment | GiveBack, status: PaymentStatus, intent_id: str | None
    ) -> Payment:
        return Payment(
            order_id=command.order_id, status=status, amount=command.amount, intent_id=intent_id
        )
