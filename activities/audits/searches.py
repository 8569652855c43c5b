"""Looks for sagas that nobody may carry on: by Temporal's list, and by the orders' records.

A search goes on for a while, and then says where to go on, so that none of its activities is long.
What it looks at are suspects; `activities.diagnoses` tells which of them are orphans.
"""

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities import executions
from activities.audits.earlier_audits import EarlierAudits
from activities.executions import Execution
from activities.missing_steps import (
    BINDING,
    CLOSED,
    SOLD,
    missing_of_order,
    missing_of_return,
)
from activities.orders import ORDER_STATUS_KEY
from contracts.inventory import InventoryService
from contracts.names import order_of, workflow_id
from contracts.orders import OPEN_STATUSES, OrderFilter, OrderService, OrderStatus
from contracts.orphans import Orphan, Search
from contracts.payments import PaymentService
from contracts.workflow_io import PLACING, RETURNING, SAGA_TYPES, any_of, type_of
from saga.participant import NotFound

Suspects = tuple[
    Sequence[str], str
]  # their saga ids, and the token of the next page; "" at the end
Part = Callable[[Search, str], Awaitable[Suspects]]

OURS = any_of([kind.name for kind in SAGA_TYPES])
ENDED_BADLY = f"{OURS} AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')"
ENDED_WELL = f"{OURS} AND ExecutionStatus IN ('Completed', 'Canceled') AND CloseTime >= '{{0}}'"
PAGE = 100


class Searches:
    """The parts of a search, each of which is gone through a page at a time."""

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
        self._earlier = EarlierAudits(client)
        self.parts: Sequence[Part] = (
            self._left_by_earlier_audits,
            self._ended_badly,
            *(partial(self._open, status) for status in OPEN_STATUSES),
            *(partial(self._search_ended, status) for status in (*BINDING, *CLOSED)),
            self._ended_well,
        )

    async def of_order(self, order_id: str) -> list[str]:
        """Its sagas: the one that places it, and others that have begun.

        ApplicationError, for good, if neither its record nor a saga of it is there.
        """
        first = workflow_id(order_id)
        try:
            history = await self._orders.history(order_id)
        except NotFound as error:
            if await executions.describe(self._client, first) is not None:
                return [first]
            detail = f"there is no order {order_id}"
            raise ApplicationError(detail, type="UnknownOrder", non_retryable=True) from error
        types, begun = [event.type for event in history], {first}
        begun |= {str(event.data.get("saga_id")) for event in history}
        saga_ids = [saga_id for kind in SAGA_TYPES for saga_id in kind.list_ids(order_id, types)]
        return [
            saga_id
            for saga_id in saga_ids
            if saga_id in begun or await executions.describe(self._client, saga_id) is not None
        ]

    def date(self, orphan: Orphan) -> Orphan:
        """Found when an earlier audit did, if one left it."""
        earlier = self._earlier.left.orphans.get(orphan.saga_id)
        return orphan.keep_date(earlier.found_at if earlier is not None else None)

    async def _left_by_earlier_audits(self, _: Search, token: str) -> Suspects:
        """However long ago: what was left is named until it is over."""
        left = sorted((await self._earlier.read_left()).orphans)
        rest = [saga_id for saga_id in left if saga_id > token]
        return rest[:PAGE], rest[PAGE - 1] if len(rest) > PAGE else ""

    async def _ended_badly(self, _: Search, token: str) -> Suspects:
        found, following = await self._list_page(ENDED_BADLY, token)
        return [execution.id for execution in found], following

    async def _open(self, status: OrderStatus, search: Search, token: str) -> Suspects:
        only = OrderFilter(status=status, created_to=search.before)
        return await self._page(only, token)

    async def _search_ended(self, status: OrderStatus, search: Search, token: str) -> Suspects:
        """Orders that ended, whose stock or money is not where it should be.

        A late attempt can confirm an order whose workflow was deleted meanwhile; and the inventory
        or the payments may have been restored from before the end.
        """
        only = OrderFilter(status=status, created_from=search.since, created_to=search.before)
        saga_ids, following = await self._page(only, token)
        steps, captured = await self._traces(saga_ids)
        suspects = [
            saga_id
            for saga_id in saga_ids
            if missing_of_order(
                status, steps.get(saga_id, ()), captured=order_of(saga_id) in captured
            )
        ]
        return suspects, following

    async def _ended_well(self, search: Search, token: str) -> Suspects:
        """Sagas that ended some other way than their orders' records say, or have none."""
        query = ENDED_WELL.format(_format_moment(search.closed_since))
        found, following = await self._list_page(query, token)
        stand = await self._orders.statuses([order_of(execution.id) for execution in found])
        returns = [execution for execution in found if type_of(execution.id) is RETURNING]
        suspects = await self._returns(returns, stand)
        for execution in found:
            status = stand.get(order_of(execution.id))
            forgotten = _read_status(execution) is OrderStatus.CONFIRMED and status not in BINDING
            if type_of(execution.id) is PLACING and (status is None or forgotten):
                suspects.append(execution.id)
        return suspects, following

    async def _returns(
        self, returns: Sequence[Execution], stand: Mapping[str, OrderStatus]
    ) -> list[str]:
        """Those that took effect, and not everywhere; and all that were abandoned: few are."""
        orders = [workflow_id(order_of(execution.id)) for execution in returns]
        steps, captured = await self._traces([*(execution.id for execution in returns), *orders])
        suspects = []
        for execution, order in zip(returns, orders, strict=True):
            status = stand.get(order_of(execution.id))
            if status is None or _read_status(execution) is not OrderStatus.RETURNED:
                suspects.append(execution.id)
                continue
            missing = missing_of_return(
                status,
                steps.get(execution.id, ()),
                sold=SOLD in steps.get(order, ()),
                captured=order_of(order) in captured,
            )
            if missing:
                suspects.append(execution.id)
        return suspects

    async def _traces(self, saga_ids: Sequence[str]) -> tuple[dict[str, Sequence[str]], set[str]]:
        """By saga, its steps that stand in the inventory; and the orders with captured money."""
        if not saga_ids:
            return {}, set()
        effects = await self._inventory.effects(saga_ids)
        captured = await self._payments.list_captured([order_of(saga_id) for saga_id in saga_ids])
        return {effect.saga_id: effect.steps for effect in effects}, {
            order.order_id for order in captured
        }

    async def _page(self, only: OrderFilter, token: str) -> Suspects:
        page = await self._orders.page(only, limit=PAGE, cursor=token or None)
        return [workflow_id(order.id) for order in page.items], page.next_cursor or ""

    async def _list_page(self, query: str, token: str) -> tuple[list[Execution], str]:
        found, following = await executions.page_of(
            self._client, query, b64decode(token), size=PAGE
        )
        return found, b64encode(following).decode()


def _read_status(execution: Execution) -> OrderStatus | None:
    """How the saga says that its order ended."""
    said = execution.search_attributes.get(ORDER_STATUS_KEY)
    return OrderStatus(said) if said in set(OrderStatus) else None


def _format_moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
