"""The payment service: charges, refunds, and what is on record of them.

Each statement that only reads is here; how money moves is in `charges` and `refunds`.
"""

from collections.abc import Sequence
from datetime import datetime

from contracts.base import Money
from contracts.payments import (
    Captured,
    ChargePayment,
    GiveBack,
    Kept,
    KeptPage,
    Payment,
    PaymentStatus,
)
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.telemetry.barriers import count
from saga.participant import NotFound, StepKey
from saga.participant.barrier import Barrier
from services.participant import Participant
from services.payment import queries
from services.payment.charges import Charges
from services.payment.provider.client import Period, Provider
from services.payment.reconciliation import Reconciliation
from services.payment.refunds import Refunds
from services.payment.tables import barrier, outbox


class Payments(Participant):
    """Implements `contracts.payments.PaymentService` on PostgreSQL and a payment provider."""

    def __init__(
        self, database: Database, provider: Provider, *, return_url: str | None = None
    ) -> None:
        """`return_url`: where customers go who have authenticated; without, they are declined."""
        self._database = database
        self._provider = provider
        publishing = Outbox(outbox)
        self._barrier = Barrier(barrier, publishing, observer=count)
        self._charges = Charges(database, provider, self._barrier, publishing, return_url)
        self._refunds = Refunds(database, provider, self._barrier)
        self._reconciliation = Reconciliation(
            database, provider, self._barrier, publishing, self._refunds
        )

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        """See `Charges.charge`."""
        return await self._charges.charge(key, command)

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        """See `Refunds.refund`."""
        return await self._refunds.refund(key, command)

    async def give_back(self, key: StepKey, command: GiveBack) -> Payment:
        """See `Refunds.give_back`."""
        return await self._refunds.give_back(key, command)

    async def fence_give_back(self, key: StepKey) -> bool:
        """See `Refunds.fence_give_back`."""
        return await self._refunds.fence_give_back(key)

    async def for_order(self, order_id: str) -> Payment:
        """The payment of an order. NotFound if none was begun."""
        async with self._database.statement() as tx:
            found = await queries.find(tx, order_id)
        if found is None:
            raise NotFound("unknown_payment", f"there is no payment of order {order_id}")
        return found.payment

    async def list_captured(self, order_ids: Sequence[str]) -> list[Captured]:
        """What is captured for these orders now, or may be: an outcome that is not known counts.

        The other orders are left out.
        """
        async with self._database.statement() as tx:
            return await queries.find_captured(tx, order_ids)

    async def kept_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        """See `Reconciliation.list_kept`."""
        return await self._reconciliation.list_kept(Period(created_from, created_to, cursor))

    async def refunded_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        """See `Reconciliation.list_refunded`."""
        return await self._reconciliation.list_refunded(Period(created_from, created_to, cursor))

    async def kept_of(self, order_id: str, intent_id: str | None = None) -> Kept | None:
        """See `Reconciliation.kept_of`."""
        return await self._reconciliation.kept_of(order_id, intent_id)

    async def adopt(self, key: StepKey, command: ChargePayment, intent_id: str) -> Payment:
        """See `Reconciliation.adopt`."""
        return await self._reconciliation.adopt(key, command, intent_id)

    async def settle(self, intent_id: str, order_id: str) -> str:
        """See `Reconciliation.settle`."""
        return await self._reconciliation.settle(intent_id, order_id)

    async def of_orders(self, order_ids: Sequence[str]) -> list[Payment]:
        """The payments of these orders; those without one are left out."""
        async with self._database.statement() as tx:
            found = await queries.of_orders(tx, order_ids)
        return [each.payment for each in found.values()]

    async def totals(self, status: PaymentStatus) -> list[Money]:
        """What the payments in this status amount to, by currency."""
        async with self._database.transaction() as tx:
            return await queries.totals(tx, status)
