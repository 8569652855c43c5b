"""Finds sagas that nobody carries on any more, has them carried to their end, and reads the books.

Each of these is short: what has to be waited for, the workflow waits for. So an audit never holds
for long what others need.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError

from activities.audits.searches import Searches
from activities.diagnoses import Diagnoses
from activities.discrepancies import AnswersByHand
from activities.evidence import Unreadable
from activities.executions import describe
from activities.saga_recovery import Repairs
from contracts.audits import NAMED, Books, sum_by_currency
from contracts.barrier_records import Epoch
from contracts.inventory import InventoryService
from contracts.names import order_of
from contracts.orders import OPEN_STATUSES, OrderService, OrderStatus
from contracts.orphans import (
    NOT_REPAIRED,
    Begun,
    Cursor,
    Found,
    Orphan,
    Remedy,
    Repaired,
    Search,
    Standing,
    Why,
)
from contracts.payments import PaymentService, PaymentStatus
from contracts.workflow_io import PLACING, type_of
from saga.participant import NotFound, Unavailable
from saga.participant.errors import describe_error

ENOUGH = 100  # orphans of one search; it goes on behind them
A_WHILE = 5.0  # seconds; likewise
MOST_OF_AN_ERROR = 300  # characters
MOST = 1000  # orphans of one audit of before there were bounds
LOOK_BACK = timedelta(days=1)  # at least; whoever asks for more gets it
KEYS_LAST = timedelta(hours=20)  # surely: the provider forgets idempotency keys after a day
UNPAID = (
    "its payment is not on record, and its workflow is so old that it might be charged twice; "
    "where the order is on record as confirmed, the ledger's part of the audit adopts the payment, "
    "and the next audit finishes it"
)
WAIT, LOOK = 20.0, 0.5  # seconds, of an audit of before the waiting was in the workflow
ORPHANS = "saga_audit_orphans"


class AuditActivities:
    """Activities `audit.*`, on the queue `audits`; those of older audits on `orders`."""

    def __init__(
        self,
        client: Client,
        orders: OrderService,
        inventory: InventoryService,
        payments: PaymentService,
    ) -> None:
        self._client = client
        self._orders = orders
        self._inventory = inventory
        self._payments = payments
        self._searches = Searches(client, orders, inventory, payments)
        self._diagnoses = Diagnoses(client, orders, inventory, payments)
        self._repairs = Repairs(client, orders)
        self._by_hand = AnswersByHand(orders, inventory, payments)

    @activity.defn(name="audit.epochs")
    async def epochs(self) -> dict[str, Epoch]:
        """In which life of its database each service is whose word an audit believes."""
        return {
            "inventory": await self._inventory.epoch(),
            "order": await self._orders.epoch(),
            "payment": await self._payments.epoch(),
        }

    @activity.defn(name="audit.search")
    async def search(self, search: Search) -> Found:
        """Some orphans: sagas that ended badly, and orders that are not as their end says.

        Goes through as much as it can in a while.
        """
        if search.only is not None:
            return await self._search_order(search.only)
        until = monotonic() + A_WHILE
        found: dict[str, Orphan] = {}
        at: Cursor | None = search.at
        while at is not None and len(found) < ENOUGH and monotonic() < until:
            suspects, token = await self._searches.parts[at.part](search, at.token)
            rest = [saga_id for saga_id in suspects if saga_id not in at.seen]
            seen = await self._look(rest, found, until)
            if len(seen) < len(rest):
                at = at.model_copy(update={"seen": (*at.seen, *seen)})
                break
            at = self._after(at.part, token)
        _count(len(found))
        return Found(orphans=tuple(found.values()), following=at)

    async def _search_order(self, order_id: str) -> Found:
        looked = [
            await self._looked_at(saga_id) for saga_id in await self._searches.of_order(order_id)
        ]
        orphans = tuple(orphan for orphan in looked if orphan is not None)
        return Found(orphans=orphans, following=None)

    async def _look(
        self, suspects: Sequence[str], found: dict[str, Orphan], until: float
    ) -> Sequence[str]:
        """Which of these there was time to look at: one at least. Adds orphans to what is found."""
        for number, saga_id in enumerate(suspects):
            if number and monotonic() >= until:
                return suspects[:number]
            if saga_id not in found and (orphan := await self._looked_at(saga_id)):
                found[saga_id] = self._searches.date(orphan)
            activity.heartbeat()
        return suspects

    async def _looked_at(self, saga_id: str) -> Orphan | None:
        """What is wrong with it. One that nobody can look at hides no other."""
        try:
            return await self._diagnoses.of(saga_id)
        except (Unavailable, RPCError, CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - of whatever kind, a person has to see to it
            activity.logger.exception("%s cannot be looked at", saga_id)
            return Orphan(
                saga_id=saga_id,
                order_id=order_of(saga_id),
                why=Why.UNREADABLE,
                remedy=Remedy.REPORT,
                way_out=describe_error(error)[:MOST_OF_AN_ERROR],
            )

    def _after(self, part: int, token: str) -> Cursor | None:
        """Further on in this part, else in the next; None at the end of the last."""
        if token:
            return Cursor(part=part, token=token)
        return Cursor(part=part + 1) if part + 1 < len(self._searches.parts) else None

    @activity.defn(name="audit.begin")
    async def begin(self, orphan: Orphan) -> Begun:
        """Start its saga again, to be undone or finished, if that is still what it needs."""
        now = await self._diagnoses.of(orphan.saga_id)
        if now is None or now.remedy is Remedy.REPORT:
            return Begun(orphan=now)
        if await self._may_be_charged_twice(now, datetime.now(UTC)):
            said = {"remedy": Remedy.REPORT, "way_out": UNPAID}
            return Begun(orphan=now.model_copy(update=said))
        try:
            return Begun(orphan=now, started=await self._repairs.carry_on(now))
        except Unreadable as error:
            said = {"why": Why.UNREADABLE, "remedy": Remedy.REPORT, "way_out": str(error)}
            return Begun(orphan=now.model_copy(update=said))

    async def _may_be_charged_twice(self, orphan: Orphan, now: datetime) -> bool:
        """Whether to finish it might charge again what was charged under a key that is forgotten.

        The order's age counts, too: its newest run may be an audit's.
        """
        if orphan.remedy is not Remedy.FINISH or type_of(orphan.saga_id) is not PLACING:
            return False
        if await self._payments.list_captured([orphan.order_id]):
            return False
        execution = await describe(self._client, orphan.saga_id)
        began = [] if execution is None else [execution.start_time]
        with suppress(NotFound):
            began.append((await self._orders.get(orphan.order_id)).created_at)
        return any(now - each > KEYS_LAST for each in began)

    @activity.defn(name="audit.standing")
    async def standing(self, saga_ids: Sequence[str]) -> list[Standing]:
        """How these sagas stand now, and their orders."""
        stand = await self._orders.statuses([order_of(saga_id) for saga_id in saga_ids])
        found = []
        for saga_id in saga_ids:
            execution = await describe(self._client, saga_id)
            is_open = execution is not None and execution.is_open
            status = stand.get(order_of(saga_id))
            found.append(Standing(saga_id=saga_id, is_open=is_open, status=status))
        return found

    @activity.defn(name="audit.books")
    async def books(self) -> Books:
        """What the services say of money and stock."""
        unsettled = [await self._orders.totals(status) for status in OPEN_STATUSES]
        products = await self._inventory.list_products()
        by_hand = await self._by_hand.list_money()
        return Books(
            captured=await self._payments.totals(PaymentStatus.CAPTURED),
            confirmed=await self._orders.totals(OrderStatus.CONFIRMED),
            open=[total for totals in unsettled for total in totals],
            reserved=sum(product.reserved for product in products),
            by_hand=tuple(sum_by_currency([each.amount for each in by_hand if each.recorded])),
            named=tuple(by_hand[:NAMED]),
            reserved_by_hand=await self._by_hand.count_pieces(),
        )

    @activity.defn(name="audit.find")
    async def find(self, before: datetime, look_back: timedelta = LOOK_BACK) -> list[Orphan]:
        """All orphans at once, for an audit that was begun by code of before `search`."""
        since = before - max(look_back, LOOK_BACK)
        search = Search(before=before, since=since, closed_since=before - look_back)
        found: list[Orphan] = []
        following: Cursor | None = search.at
        while following is not None and len(found) < MOST:
            some = await self.search(search.model_copy(update={"at": following}))
            found += (orphan for orphan in some.orphans if orphan.remedy is not Remedy.REPORT)
            following = some.following
        return found

    @activity.defn(name="audit.repair")
    async def repair(self, orphan: Orphan) -> Repaired:
        """Carry it on and wait for its end for a while: likewise for an older audit."""
        begun = await self.begin(orphan)
        if begun.orphan is not None and begun.orphan.remedy is Remedy.REPORT:
            return Repaired(orphan=orphan, status=NOT_REPAIRED)
        until = monotonic() + WAIT
        stands = await self.standing([orphan.saga_id])
        while stands[0].is_open and monotonic() < until:
            await asyncio.sleep(LOOK)
            stands = await self.standing([orphan.saga_id])
        return Repaired(orphan=orphan, status=stands[0].status)


def _count(orphans: int) -> None:
    """A metric of the worker: `saga_audit_orphans`, how many were ever found."""
    counter = activity.metric_meter().create_counter(ORPHANS, "Sagas that nobody carried on")
    counter.add(orphans)
