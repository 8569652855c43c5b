"""Compares what the payment provider keeps with the orders that it is for, and gives back the rest.

The provider's side is the only one that shows a capture of which nothing here knows: of a database
that was restored from before it, or by somebody who has the provider's key.
"""

from collections.abc import AsyncIterator, Sequence

from temporalio import activity
from temporalio.client import Client

from activities.executions import described
from activities.repairs import answered_for
from contracts.audits import Discrepancy, LedgerWindow, Settled, WhyKept
from contracts.errors import NotFound
from contracts.message import StepKey
from contracts.orders import OrderService, OrderStatus
from contracts.payments import ChargePayment, Kept, PaymentService

# Confirmed ones are paid for; the sagas of open ones deal with their money.
RIGHT = {OrderStatus.CONFIRMED, OrderStatus.PENDING, OrderStatus.BLOCKED}
DISCREPANCIES = "saga_audit_discrepancies"


class LedgerActivities:
    """Activities `ledger.*`, on the queue `orders`."""

    def __init__(self, client: Client, orders: OrderService, payments: PaymentService) -> None:
        self._client = client
        self._orders = orders
        self._payments = payments

    @activity.defn(name="ledger.compare")
    async def compare(self, window: LedgerWindow) -> list[Discrepancy]:
        """Money that the provider keeps of intents of this time, and should not."""
        found = []
        async for page in self._kept(window):
            for kept in await self._doubtful(page):
                if (why := await self._why(kept)) is not None:
                    found.append(Discrepancy(**kept.model_dump(exclude={"known"}), why=why))
                activity.heartbeat()
        if found:  # what was given back meanwhile is no longer kept
            still = {it.intent_id async for page in self._kept(window) for it in page}
            found = [it for it in found if it.intent_id in still]
        counter = activity.metric_meter().create_counter(DISCREPANCIES, "Money without an order")
        counter.add(len(found))
        return found

    @activity.defn(name="ledger.settle")
    async def settle(self, discrepancy: Discrepancy) -> Settled:
        """Give the money back: once, whoever asks how often."""
        if discrepancy.why is WhyKept.STRAY:
            refund_id = await self._payments.give_back_stray(discrepancy.intent_id)
            return Settled(discrepancy=discrepancy, refund_id=refund_id)
        payment = await self._payments.for_order(discrepancy.order_id)
        charged = ChargePayment(order_id=payment.order_id, amount=payment.amount, payment_method="")
        key = StepKey(saga_id=f"audit-{discrepancy.intent_id}", step="refund")
        refunded = await self._payments.refund(key, charged)
        return Settled(discrepancy=discrepancy, refund_id=refunded.refund_id)

    async def _kept(self, window: LedgerWindow) -> AsyncIterator[Sequence[Kept]]:
        """What the provider keeps, a page at a time."""
        cursor: str | None = None
        while True:
            page = await self._payments.kept_by_provider(window.begin, window.end, cursor)
            yield page.items
            activity.heartbeat()
            if (cursor := page.next_cursor) is None:
                return

    async def _doubtful(self, page: Sequence[Kept]) -> list[Kept]:
        """What is not plainly right: one question for the page, as most of it is."""
        stand = await self._orders.statuses([it.order_id for it in page if it.known])
        return [it for it in page if not it.known or stand.get(it.order_id) not in RIGHT]

    async def _why(self, kept: Kept) -> WhyKept | None:
        """What is wrong with it; None if nothing is, or if a saga or an operator deals with it."""
        if not kept.known:
            return WhyKept.STRAY
        try:
            status = (await self._orders.get(kept.order_id)).status
        except NotFound:
            return None if await self._is_open(kept.saga_id) else WhyKept.UNRECORDED
        if status in RIGHT:
            return None
        return None if await answered_for(self._orders, kept.order_id) else WhyKept.CLOSED

    async def _is_open(self, saga_id: str) -> bool:
        description = await described(self._client, saga_id)
        return description is not None and description.is_open
