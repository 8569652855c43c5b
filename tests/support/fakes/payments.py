"""Payments in memory, with a provider that declines by the method's name."""

from collections.abc import Sequence
from datetime import datetime

from contracts.barrier_records import Epoch
from contracts.base import Money
from contracts.names import is_return_of
from contracts.payments import (
    Captured,
    ChargePayment,
    GiveBack,
    Kept,
    KeptPage,
    Payment,
    PaymentStatus,
)
from saga.participant import NotFound, Rejected, StepKey
from saga.participant.digest import digest_of
from saga.participant.records import StepRecord
from tests.support.fakes.barrier import Barrier
from tests.support.fakes.sums import sum_by_currency

MOVED = {PaymentStatus.CAPTURED, PaymentStatus.REFUNDED}


class FakePayments:
    """Implements `contracts.payments.PaymentService`."""

    def __init__(self) -> None:
        self._payments: dict[str, Payment] = {}
        self._owners: dict[str, StepKey] = {}
        self._barrier = Barrier()

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        def effect() -> Payment:
            if self._owners.setdefault(command.order_id, key) != key:
                raise Rejected("order_has_payment", f"{command.order_id} has another payment")
            if "chargeDeclined" in command.payment_method:
                self._set(command, PaymentStatus.DECLINED)
                raise Rejected("generic_decline", "the card was declined")
            return self._set(command, PaymentStatus.CAPTURED)

        return self._barrier.action(key, digest_of(ChargePayment, command), effect)

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        def undo(charged: Payment | None) -> Payment:
            if charged is None:
                nothing = self._payment(command, PaymentStatus.VOIDED, None)
                its_own = self._owners.get(command.order_id) == key
                return self._payments[command.order_id] if its_own else nothing
            return self._set(command, PaymentStatus.REFUNDED)

        return self._barrier.compensation(key, digest_of(ChargePayment, command), undo)

    async def give_back(self, key: StepKey, command: GiveBack) -> Payment:
        def effect() -> Payment:
            found = self._payments.get(command.order_id)
            captured = found is not None and found.status == PaymentStatus.CAPTURED
            if not captured or not is_return_of(key.saga_id, command.order_id):
                raise Rejected("nothing_to_return", f"nothing is captured of {command.order_id}")
            return self._set(command, PaymentStatus.REFUNDED)

        return self._barrier.action(key, digest_of(GiveBack, command), effect)

    async def fence_give_back(self, key: StepKey) -> bool:
        return self._barrier.fence(key)

    async def for_order(self, order_id: str) -> Payment:
        if order_id not in self._payments:
            raise NotFound("unknown_payment", f"there is no payment of order {order_id}")
        return self._payments[order_id]

    async def list_captured(self, order_ids: Sequence[str]) -> list[Captured]:
        return [
            Captured(order_id=payment.order_id, amount=payment.amount, seconds=0.0)
            for payment in self._payments.values()
            if payment.order_id in order_ids and payment.status == PaymentStatus.CAPTURED
        ]

    async def kept_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        kept = [await self.kept_of(order_id) for order_id in self._payments]
        return KeptPage(items=tuple(each for each in kept if each is not None), next_cursor=None)

    async def refunded_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        return KeptPage(items=(), next_cursor=None)

    async def kept_of(self, order_id: str, intent_id: str | None = None) -> Kept | None:
        payment = self._payments.get(order_id)
        if payment is None or payment.status not in MOVED:
            return None
        if intent_id not in {None, payment.intent_id}:
            return None
        left = 0 if payment.status == PaymentStatus.REFUNDED else payment.amount.minor
        return Kept(
            intent_id=f"pi_{order_id}",
            order_id=order_id,
            saga_id=self._owners[order_id].saga_id,
            amount=payment.amount.model_copy(update={"minor": left}),
            captured=payment.amount,
            known=True,
            payment=payment.status,
            marked=True,
            step=self._owners[order_id].step,
        )

    async def of_orders(self, order_ids: Sequence[str]) -> list[Payment]:
        return [self._payments[each] for each in order_ids if each in self._payments]

    async def adopt(self, key: StepKey, command: ChargePayment, intent_id: str) -> Payment:
        payment = self._payments.get(command.order_id)
        mine = payment is not None and payment.intent_id == intent_id
        if payment is None or not mine or self._owners[command.order_id] != key:
            raise Rejected("not_adoptable", f"intent {intent_id} is not such a charge")
        return self._barrier.action(key, digest_of(ChargePayment, command), lambda: payment)

    async def settle(self, intent_id: str, order_id: str) -> str:
        payment = self._payments.get(order_id)
        if payment is None or payment.intent_id != intent_id:
            raise Rejected("not_ours", f"intent {intent_id} is not of order {order_id}")
        self._barrier.fence(self._owners[order_id])
        self._payments[order_id] = payment.model_copy(
            update={"status": PaymentStatus.REFUNDED, "refund_id": f"re_{order_id}"}
        )
        return f"re_{order_id}"

    async def totals(self, status: PaymentStatus) -> list[Money]:
        return sum_by_currency(
            payment.amount for payment in self._payments.values() if payment.status == status
        )

    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
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
