"""Finds sagas that nobody carries on any more, has them carried to their end, and reads the books.

`activities.repairs` tells how a saga is carried on.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.client import Client

from activities.executions import Status, described, listed
from activities.repairs import Repairs, answered_for
from contracts.audits import Books, Orphan, Repaired, Why
from contracts.errors import NotFound
from contracts.inventory import InventoryService
from contracts.names import order_of, workflow_id
from contracts.orders import OrderFilter, OrderService, OrderStatus
from contracts.payments import PaymentService, PaymentStatus

BAD_ENDS = {
    Status.TERMINATED: Why.TERMINATED,
    Status.TIMED_OUT: Why.TIMED_OUT,
    Status.FAILED: Why.FAILED,
}
ENDED_WELL = {Status.COMPLETED, Status.CANCELED}
ENDED_BADLY = (
    "WorkflowType IN ('PlaceOrder', 'ReturnOrder') "
    "AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')"
)
OPEN = (OrderStatus.PENDING, OrderStatus.BLOCKED)
MOST = 1000  # orphans of one audit; the next one finds the others
PAGE = 100
LOOK_BACK = timedelta(days=1)  # at least; whoever asks for more gets it
ORPHANS = "saga_audit_orphans"


class AuditActivities:
    """Activities `audit.*`, on the queue `orders`."""

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
        self._repairs = Repairs(client, orders)

    @activity.defn(name="audit.find")
    async def find(self, before: datetime, look_back: timedelta = LOOK_BACK) -> list[Orphan]:
        """Orphans: sagas that ended badly, and orders open since before then without a saga.

        Without one is also an order that is open though its saga says how it ended: its database
        was restored from before that, or the saga was carried out in somebody else's. Confirmed
        orders are looked at for so long back, or a day.
        """
        found: dict[str, Orphan] = {}
        async for saga_id in self._suspects(before, before - max(look_back, LOOK_BACK)):
            if saga_id not in found and (why := await self._why(saga_id)) is not None:
                found[saga_id] = Orphan(saga_id=saga_id, order_id=order_of(saga_id), why=why)
            activity.heartbeat(len(found))
            if len(found) == MOST:
                break
        _found(len(found))
        return list(found.values())

    @activity.defn(name="audit.repair")
    async def repair(self, orphan: Orphan) -> Repaired:
        """Start its saga again, to be undone or finished, and wait for its end for a while."""
        try:
            await self._repairs.carry_on(orphan)
            status = (await self._orders.get(orphan.order_id)).status
        except NotFound:
            return Repaired(orphan=orphan, status=None)
        return Repaired(orphan=orphan, status=status)

    @activity.defn(name="audit.books")
    async def books(self) -> Books:
        """What the services say of money and stock."""
        pending = await self._orders.totals(OrderStatus.PENDING)
        blocked = await self._orders.totals(OrderStatus.BLOCKED)
        products = await self._inventory.list_products()
        return Books(
            captured=await self._payments.totals(PaymentStatus.CAPTURED),
            confirmed=await self._orders.totals(OrderStatus.CONFIRMED),
            open=[*pending, *blocked],
            reserved=sum(it.reserved for it in products),
        )

    async def _suspects(self, before: datetime, since: datetime) -> AsyncIterator[str]:
        async for execution in listed(self._client, ENDED_BADLY):
            yield execution.id
        for status in OPEN:
            only, cursor = OrderFilter(status=status, created_to=before), None
            while True:
                page = await self._orders.page(only, limit=PAGE, cursor=cursor)
                for order in page.items:
                    yield workflow_id(order.id)
                if (cursor := page.next_cursor) is None:
                    break
        async for saga_id in self._not_sold(since, before):
            yield saga_id

    async def _not_sold(self, since: datetime, before: datetime) -> AsyncIterator[str]:
        """Sagas of confirmed orders of this time whose stock is still reserved.

        A late attempt can confirm an order whose workflow was deleted meanwhile.
        """
        only = OrderFilter(status=OrderStatus.CONFIRMED, created_from=since, created_to=before)
        cursor: str | None = None
        while True:
            page = await self._orders.page(only, limit=PAGE, cursor=cursor)
            for holding in await self._inventory.held([workflow_id(it.id) for it in page.items]):
                yield holding.saga_id
            activity.heartbeat()
            if (cursor := page.next_cursor) is None:
                return

    async def _why(self, saga_id: str) -> Why | None:
        """What is wrong with the newest run of this workflow; None if nothing is."""
        description = await described(self._client, saga_id)
        if description is None:
            return Why.MISSING
        if description.status in ENDED_WELL and await self._unfinished(saga_id):
            return Why.ENDED
        return BAD_ENDS.get(description.status)

    async def _unfinished(self, saga_id: str) -> bool:
        """Whether its order is still open, or still to be sold, now that the saga has ended."""
        order_id = order_of(saga_id)
        if saga_id != workflow_id(order_id):
            return False  # a return leaves its order as it was while it is under way
        try:
            status = (await self._orders.get(order_id)).status
        except NotFound:
            return True
        if status is OrderStatus.CONFIRMED:
            unfinished = bool(await self._inventory.held([saga_id]))
        else:
            unfinished = status in OPEN
        return unfinished and not await answered_for(self._orders, order_id)


def _found(orphans: int) -> None:
    """A metric of the worker: `saga_audit_orphans`, how many were ever found."""
    counter = activity.metric_meter().create_counter(ORPHANS, "Sagas that nobody carried on")
    counter.add(orphans)
