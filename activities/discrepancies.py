"""Judges what the payment provider says of an order's money by what the order has become.

What operators have answered for is told apart from what is amiss.

An order's record is read before the provider is asked: what has ended gave its money back before,
so a refund that is under way meanwhile is not taken for one that was forgotten.
"""

from collections.abc import Iterable, Sequence

from temporalio import activity
from temporalio.client import Client

from activities.executions import describe
from activities.missing_steps import RESERVED, SOLD
from contracts.audits import MoneyByHand
from contracts.base import Money
from contracts.event_records import RecordedEvent
from contracts.inventory import InventoryService
from contracts.ledgers import NO_INTENT, Discrepancy, Remedy, WhyKept
from contracts.names import workflow_id
from contracts.order_statistics import Intervention
from contracts.orders import (
    BY_HAND,
    PAY_THE_REST,
    RETURN_ABANDONED,
    Order,
    OrderService,
    OrderStatus,
)
from contracts.payments import (
    HOLDING_STATUSES,
    MONEY_STEPS,
    Kept,
    Payment,
    PaymentService,
    PaymentStatus,
)
from saga.participant import NotFound

MOST = 10_000  # words that are looked at, the newest: far more than people say
PAGE = 500
RETURNS = {"OrderReturnStarted": True, "OrderReturned": True, RETURN_ABANDONED: False}
REMEDIES = {
    WhyKept.CLOSED: Remedy.REFUND,
    WhyKept.REFUND_FAILED: Remedy.REFUND,
    WhyKept.UNADOPTED: Remedy.ADOPT,
}


class Judge:
    """Asks services about whatever is not plainly right."""

    def __init__(self, client: Client, orders: OrderService, payments: PaymentService) -> None:
        self._client = client
        self._orders = orders
        self._payments = payments

    async def of_kept(self, page: Sequence[Kept]) -> list[Discrepancy]:
        """What is wrong with these: one question for the page, as most of it is right."""
        stand = await self._orders.statuses([kept.order_id for kept in page])
        found = []
        for kept in page:
            if not _is_right(kept, stand.get(kept.order_id)):
                found += await self._judge(kept)
                _tell_alive()
        return found

    async def find_unpaid(self, orders: Sequence[Order]) -> list[Discrepancy]:
        """Which of these confirmed orders are without their money, by what is on record of it."""
        payments = await self._payments.of_orders([order.id for order in orders])
        paid = {each.order_id: each.amount for each in payments if _is_captured(each.status)}
        found = []
        for order in orders:
            if paid.get(order.id) != order.total:
                found += await self._of_unpaid(order)
                _tell_alive()
        return found

    async def look_again(self, found: Discrepancy) -> Discrepancy | None:
        """It as it is now; None if it is over. Found when it was."""
        if found.intent_id == NO_INTENT:
            now = await self.of_order(found.order_id)
        else:
            kept = await self._payments.kept_of(found.order_id, found.intent_id)
            now = await self.of_kept([kept]) if kept is not None else []
        return next((each.keep_date(found.found_at) for each in now), None)

    async def of_order(self, order_id: str) -> list[Discrepancy]:
        """What is wrong with this order's own money: there at most, or lacking."""
        kept = await self._payments.kept_of(order_id)
        if kept is not None:
            return await self.of_kept([kept])
        try:
            order = await self._orders.get(order_id)
        except NotFound:
            return []
        return await self.find_unpaid([order] if order.status is OrderStatus.CONFIRMED else [])

    async def ended_without_money(self, order_id: str) -> bool:
        """Whether our own record says so, and no operator has answered for its money."""
        try:
            status = (await self._orders.get(order_id)).status
        except NotFound:
            return False
        closed = not status.is_open and status is not OrderStatus.CONFIRMED
        return closed and not await self._is_answered_for(order_id)

    async def _judge(self, kept: Kept) -> list[Discrepancy]:
        try:
            order = await self._orders.get(kept.order_id)
        except NotFound:
            gone = kept.amount.minor and not await self._is_open(kept.saga_id)
            return [_of(kept, WhyKept.UNRECORDED)] if gone else []
        if kept.known:
            now = await self._payments.kept_of(order.id)
            return await self._of_order(now, order) if now is not None else []
        return await self._of_order(kept, order)

    async def _of_order(self, kept: Kept, order: Order) -> list[Discrepancy]:
        if order.status.is_open:
            return []
        if order.status is OrderStatus.CONFIRMED:
            return await self._check_kept_of_confirmed(kept, order)
        if not kept.amount.minor or await self._is_answered_for(order.id):
            return []
        if not kept.known and not kept.marked:
            return [_of(kept, WhyKept.STRAY)]
        again = kept.known and kept.payment is PaymentStatus.REFUNDED
        return [_of(kept, WhyKept.REFUND_FAILED if again else WhyKept.CLOSED)]

    async def _check_kept_of_confirmed(self, kept: Kept, order: Order) -> list[Discrepancy]:
        if not kept.known:
            if not kept.amount.minor:
                return []
            return [_of(kept, WhyKept.UNADOPTED if _is_lost(kept, order) else WhyKept.STRAY)]
        short = order.total.minor - kept.amount.minor
        if short <= 0 and kept.payment is PaymentStatus.CAPTURED:
            return []
        if await self._is_returning(order.id):
            return []
        if short > 0:
            return await self._of_short(order, kept.intent_id, short)
        lost = kept.payment is PaymentStatus.CREATED
        return [_of(kept, WhyKept.UNADOPTED if lost else WhyKept.CONTRADICTED)]

    async def _of_unpaid(self, order: Order) -> list[Discrepancy]:
        """A confirmed order whose payment is not on record as captured."""
        kept = await self._payments.kept_of(order.id)
        if kept is not None:
            return await self._check_kept_of_confirmed(kept, order)
        if await self._is_returning(order.id):
            return []
        return await self._of_short(order, NO_INTENT, order.total.minor)

    async def _of_short(self, order: Order, intent_id: str, minor: int) -> list[Discrepancy]:
        """`minor` units of its price are not there, and nobody has answered for so many."""
        history = await self._orders.history(order.id)
        covered = [covers_of(event) for event in history]
        return [] if max(covered, default=0) >= minor else [_missing(order, intent_id, minor)]

    async def _is_returning(self, order_id: str) -> bool:
        """Whether it is being returned, or is by now: then its money goes back rightly."""
        history = await self._orders.history(order_id)
        returns = [RETURNS[event.type] for event in history if event.type in RETURNS]
        return bool(returns) and returns[-1]

    async def _is_answered_for(self, order_id: str) -> bool:
        """Whether an operator said of its money that it is given back, or is not to be."""
        return any(
            event.data.get("action") in BY_HAND and event.data.get("step") in MONEY_STEPS
            for event in await self._orders.history(order_id)
        )

    async def _is_open(self, saga_id: str) -> bool:
        execution = await describe(self._client, saga_id)
        return execution is not None and execution.is_open


def _tell_alive() -> None:
    """To Temporal, if it is an audit's activity that judges."""
    if activity.in_activity():
        activity.heartbeat()


class AnswersByHand:
    """Reads what operators said, and what of it still makes a difference."""

    def __init__(
        self, orders: OrderService, inventory: InventoryService, payments: PaymentService
    ) -> None:
        self._orders = orders
        self._inventory = inventory
        self._payments = payments

    async def list_money(self) -> list[MoneyByHand]:
        """Taken, or perhaps, for orders that ended without it; and missing of confirmed ones."""
        return [*await self._list_taken(), *await self._list_missing()]

    async def _list_missing(self) -> list[MoneyByHand]:
        """Of the price of confirmed orders."""
        said = await self._read_newest({PAY_THE_REST})
        found: list[MoneyByHand] = []
        for ids in _split(said):
            stand = await self._orders.statuses(ids)
            for order_id in (each for each in ids if stand.get(each) is OrderStatus.CONFIRMED):
                amount, word = await self._find_missing(order_id), said[order_id]
                if amount.minor > 0:
                    how = {"action": word.action, "who": word.who, "evidence": word.evidence}
                    of = MoneyByHand(
                        order_id=order_id, amount=amount, recorded=False, missing=True, **how
                    )
                    found.append(of)
        return found

    async def _find_missing(self, order_id: str) -> Money:
        total = (await self._orders.get(order_id)).total
        kept = await self._payments.kept_of(order_id)
        there = kept.amount.minor if kept is not None else 0
        return Money(minor=total.minor - there, currency=total.currency)

    async def _list_taken(self) -> list[MoneyByHand]:
        """The newest first."""
        said = await self._read_newest(MONEY_STEPS)
        found: list[MoneyByHand] = []
        for ids in _split(said):
            stand = await self._orders.statuses(ids)
            for payment in await self._payments.of_orders(ids):
                status, word = stand.get(payment.order_id), said[payment.order_id]
                if not _has_no_money(status):
                    continue
                if (amount := await self._find_kept(payment)) is not None:
                    found.append(
                        MoneyByHand(
                            order_id=payment.order_id,
                            amount=amount,
                            action=word.action,
                            who=word.who,
                            evidence=word.evidence,
                            recorded=_is_captured(payment.status),
                        )
                    )
        return found

    async def _find_kept(self, payment: Payment) -> Money | None:
        """What is there, or may be. That a refund on record has failed only the provider tells."""
        if payment.status in HOLDING_STATUSES:
            return payment.amount
        if payment.status is not PaymentStatus.REFUNDED:
            return None
        kept = await self._payments.kept_of(payment.order_id)
        return kept.amount if kept is not None and kept.amount.minor else None

    async def count_pieces(self) -> int:
        """Pieces that are still reserved for orders whose stock an operator has answered for."""
        said = await self._read_newest({RESERVED, SOLD})
        pieces = 0
        for ids in _split(said):
            held = await self._inventory.list_holdings([workflow_id(order_id) for order_id in ids])
            pieces += sum(holding.pieces for holding in held)
        return pieces

    async def _read_newest(self, steps: Iterable[str]) -> dict[str, Intervention]:
        """The newest word on any of these steps, by order."""
        found: dict[str, Intervention] = {}
        for word in await self._orders.interventions(MOST):
            if word.action in BY_HAND and word.step in steps:
                found.setdefault(word.order_id, word)
        return found


def covers_of(event: RecordedEvent) -> int:
    """How many minor units of a confirmed order's price this word says not to miss."""
    if event.data.get("step") != PAY_THE_REST or event.data.get("action") not in BY_HAND:
        return 0
    return int((event.data.get("covers") or {}).get("minor", 0))


def _has_no_money(status: OrderStatus | None) -> bool:
    return status is not None and not status.is_open and status is not OrderStatus.CONFIRMED


def _split(said: dict[str, Intervention]) -> list[list[str]]:
    ids = list(said)
    return [ids[begin : begin + PAGE] for begin in range(0, len(ids), PAGE)]


def _is_right(kept: Kept, status: OrderStatus | None) -> bool:
    """Whether nothing need be asked: most orders' money is where it belongs."""
    if status is not None and status.is_open:
        return True
    if status is OrderStatus.CONFIRMED:
        return kept.known and _is_captured(kept.payment) and kept.amount == kept.captured
    return kept.amount.minor == 0


def _is_captured(status: PaymentStatus | None) -> bool:
    return status is PaymentStatus.CAPTURED


def _is_lost(kept: Kept, order: Order) -> bool:
    """Whether it is what the order is paid by, though the payment service does not know it."""
    whole = kept.amount == kept.captured == order.total
    unknown = kept.payment in {None, PaymentStatus.CREATED}
    return whole and unknown and kept.saga_id == workflow_id(order.id)


def _of(kept: Kept, why: WhyKept) -> Discrepancy:
    return Discrepancy(
        intent_id=kept.intent_id,
        order_id=kept.order_id,
        saga_id=kept.saga_id,
        amount=kept.amount,
        why=why,
        remedy=REMEDIES.get(why, Remedy.REPORT),
        step=kept.step,
    )


def _missing(order: Order, intent_id: str, minor: int) -> Discrepancy:
    """`minor` units of what the order costs are not there."""
    return Discrepancy(
        intent_id=intent_id,
        order_id=order.id,
        saga_id=workflow_id(order.id),
        amount=Money(minor=minor, currency=order.total.currency),
        why=WhyKept.MISSING,
    )
