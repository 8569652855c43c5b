"""Reconciles orders with the payment provider's ledger, both ways, a bounded part at a time.

The provider's side is the only one that shows a capture of which nothing here knows; ours is the
only one that shows an order whose money never came. What is confirmed is adopted or reported, and
never given back: that takes our own record that the order ended without its money, and no word of
an operator's (docs/adr/0129-whose-money.md).
"""

from collections import Counter
from collections.abc import Sequence

from temporalio import activity
from temporalio.client import Client

from activities.audits.earlier_audits import EarlierAudits
from activities.discrepancies import Judge
from contracts.ledgers import (
    Discrepancy,
    LedgerCursor,
    LedgerPage,
    LedgerWindow,
    Outcome,
    Part,
    Remedy,
    Settled,
    WhyKept,
    distinct,
)
from contracts.orders import OrderFilter, OrderService, OrderStatus
from contracts.payments import ChargePayment, Kept, PaymentService, PaymentStatus
from saga.participant import Rejected, StepKey

DISCREPANCIES = "saga_audit_discrepancies"
PAGE = 100
AT_A_TIME = 20  # discrepancies of earlier audits in a page: the provider is asked of each
AT_ONCE = 10  # pages of one activity
MOST = 200  # discrepancies that are told of at once, so that a result stays small
CHARGE = "charge_payment"  # the step of intents that do not tell


class LedgerActivities:
    """Activities `ledger.*`, on the queue `orders`."""

    def __init__(self, client: Client, orders: OrderService, payments: PaymentService) -> None:
        self._orders = orders
        self._payments = payments
        self._judge = Judge(client, orders, payments)
        self._earlier = EarlierAudits(client)

    @activity.defn(name="ledger.look")
    async def look(self, window: LedgerWindow, at: LedgerCursor | None = None) -> LedgerPage:
        """The discrepancies of some pages, and where to go on."""
        if window.only is not None:
            its = await self._judge.of_order(window.only)
            return LedgerPage(items=tuple(its), foreign=0, following=None)
        found: list[Discrepancy] = []
        foreign, following = 0, at or LedgerCursor()
        for number in range(1, AT_ONCE + 1):
            page = await self._page(window, following)
            found += page.items
            foreign += page.foreign
            activity.heartbeat()
            if page.following is None or number == AT_ONCE or len(found) > MOST - PAGE:
                break
            following = page.following
        items = distinct((), found)
        _count(items)
        return LedgerPage(items=tuple(items), foreign=foreign, following=page.following)

    @activity.defn(name="ledger.compare")
    async def compare(self, window: LedgerWindow) -> list[Discrepancy]:
        """The first discrepancies of all parts; for audits that do not go by pages."""
        found: list[Discrepancy] = []
        at: LedgerCursor | None = LedgerCursor(part=Part.INTENTS)
        while at is not None and len(found) < MOST:
            page = await self.look(window, at)
            found, at = found + distinct(found, page.items), page.following
        return found[:MOST]

    @activity.defn(name="ledger.settle")
    async def settle(self, discrepancy: Discrepancy) -> Settled:
        """Do what may be done about it: once, whoever asks how often.

        What stands is looked at again, since it may have changed since it was found.
        """
        try:
            if discrepancy.remedy is Remedy.REFUND:
                return await self._give_back(discrepancy)
            if discrepancy.remedy is Remedy.ADOPT:
                return await self._adopt(discrepancy)
        except Rejected as refused:
            activity.logger.warning("%s is left: %s", discrepancy.intent_id, refused.detail)
        return Settled(discrepancy=discrepancy, refund_id=None, outcome=Outcome.REPORTED)

    async def _give_back(self, discrepancy: Discrepancy) -> Settled:
        """Only if our own record still says that the order ended without this money."""
        order_id = discrepancy.order_id
        if not await self._judge.ended_without_money(order_id):
            return Settled(discrepancy=discrepancy, refund_id=None, outcome=Outcome.REPORTED)
        refund_id = await self._payments.settle(discrepancy.intent_id, order_id)
        return Settled(discrepancy=discrepancy, refund_id=refund_id, outcome=Outcome.REFUNDED)

    async def _adopt(self, discrepancy: Discrepancy) -> Settled:
        """Have the payment service record the charge, with the command that was confirmed."""
        placed = await self._orders.command(discrepancy.order_id)
        if (await self._orders.get(placed.order_id)).status is not OrderStatus.CONFIRMED:
            return Settled(discrepancy=discrepancy, refund_id=None, outcome=Outcome.REPORTED)
        charge = ChargePayment(
            order_id=placed.order_id,
            amount=placed.total,
            payment_method=placed.payment_method,
            authenticate_within=placed.authenticate_within,
        )
        key = StepKey(saga_id=discrepancy.saga_id, step=discrepancy.step or CHARGE)
        await self._payments.adopt(key, charge, discrepancy.intent_id)
        return Settled(discrepancy=discrepancy, refund_id=None, outcome=Outcome.ADOPTED)

    async def _page(self, window: LedgerWindow, at: LedgerCursor) -> LedgerPage:
        """One page of this part, and where to go on: there, or in the next part."""
        if at.part is Part.EARLIER:
            return await self._earlier_page(at.cursor)
        if at.part is Part.ORDERS:
            return await self._orders_page(window, at.cursor)
        if at.part is Part.INTENTS:
            page = await self._payments.kept_by_provider(window.begin, window.end, at.cursor)
            items = page.items
        else:
            since = window.end - window.refunds
            page = await self._payments.refunded_by_provider(since, window.end, at.cursor)
            items = tuple(each for each in page.items if _is_for(window, each))
        found = await self._judge.of_kept(items)
        following = _after(at.part, page.next_cursor)
        return LedgerPage(items=tuple(found), foreign=page.foreign, following=following)

    async def _earlier_page(self, cursor: str | None) -> LedgerPage:
        """What earlier audits left: what of it is still so, however long ago its money was taken.

        In order of their names, so that it can go on behind any.
        """
        known = (await self._earlier.read_left()).money
        rest = sorted(name for name in known if "/".join(name) > (cursor or ""))
        items: list[Discrepancy] = []
        for name in rest[:AT_A_TIME]:
            now = await self._judge.look_again(known[name])
            items += [now] if now is not None else []
            activity.heartbeat()
        further = "/".join(rest[AT_A_TIME - 1]) if len(rest) > AT_A_TIME else None
        following = _after(Part.EARLIER, further)
        return LedgerPage(items=tuple(items), foreign=0, following=following)

    async def _orders_page(self, window: LedgerWindow, cursor: str | None) -> LedgerPage:
        """Confirmed orders of this time, each of which has its money."""
        only = OrderFilter(
            status=OrderStatus.CONFIRMED, created_from=window.begin, created_to=window.end
        )
        page = await self._orders.page(only, limit=PAGE, cursor=cursor)
        found = await self._judge.find_unpaid(page.items)
        following = _after(Part.ORDERS, page.next_cursor)
        return LedgerPage(items=tuple(found), foreign=0, following=following)


def _after(part: Part, cursor: str | None) -> LedgerCursor | None:
    """Further on in this part, else in the next one; None at the end of the last."""
    if cursor is not None:
        return LedgerCursor(part=part, cursor=cursor)
    parts = list(Part)
    rest = parts[parts.index(part) + 1 :]
    return LedgerCursor(part=rest[0]) if rest else None


def _is_for(window: LedgerWindow, kept: Kept) -> bool:
    """Whether a refund is looked at: a failed one for long, one by hand while it is new.

    A shop may give back a part by hand, and is told so; it need not be told for a month.
    """
    failed = kept.payment is PaymentStatus.REFUNDED
    return failed or kept.refunded_at is None or kept.refunded_at >= window.begin


def _count(found: Sequence[Discrepancy]) -> None:
    """A metric of the worker: `saga_audit_discrepancies`, how many were ever found, by kind."""
    counter = activity.metric_meter().create_counter(DISCREPANCIES, "Money without an order")
    numbers = Counter(each.why for each in found)
    for why in WhyKept:  # 0 too: what begins with 1 has not grown, to Prometheus
        counter.add(numbers[why], {"why": why})
