"""Audits that look at one order only, so that many may run beside other sagas in one world.

The audit itself is the product's. What it may list is narrowed here, by the id of its workflow.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from unittest.mock import patch

from temporalio import activity
from temporalio.client import Client

from activities import executions
from contracts.base import Money
from contracts.inventory import Product
from contracts.names import return_id, workflow_id
from contracts.orders import OrderFilter, OrderPage, OrderStatus
from contracts.payments import KeptPage, PaymentStatus
from saga.participant import NotFound
from services.composition import Services

PREFIX = "audit-of-"


def narrowed_to() -> str | None:
    """The order that the running activity's audit is about; None if it is of no such audit."""
    if not activity.in_activity():
        return None
    audit = activity.info().workflow_id or ""
    return audit.removeprefix(PREFIX).partition("~")[0] if audit.startswith(PREFIX) else None


def sagas_of(order_id: str) -> str:
    """A filter of Temporal's for the sagas of an order."""
    return f"WorkflowId IN ('{workflow_id(order_id)}', '{return_id(order_id)}')"


@contextmanager
def narrow_lists() -> Iterator[None]:
    """Audits of one order list the workflows of that order only, while this lasts."""
    page_of = executions.page_of

    async def narrow_page(client: Client, query: str, *args: Any, **options: Any) -> Any:
        if (order_id := narrowed_to()) is not None:
            query = f"({query}) AND {sagas_of(order_id)}"
        return await page_of(client, query, *args, **options)

    with patch.object(executions, "page_of", narrow_page):
        yield


class _Of:
    """A service, but for what it lists."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Orders(_Of):
    async def page(self, only: OrderFilter, *, limit: int, cursor: str | None) -> OrderPage:
        if (order_id := narrowed_to()) is None:
            return cast("OrderPage", await self._inner.page(only, limit=limit, cursor=cursor))
        try:
            order = await self._inner.get(order_id)
        except NotFound:
            return OrderPage(items=(), next_cursor=None)
        fits = only.status in {None, order.status}
        return OrderPage(items=(order,) if fits else (), next_cursor=None)

    async def totals(self, status: OrderStatus) -> list[Money]:
        if narrowed_to() is None:
            return cast("list[Money]", await self._inner.totals(status))
        page = await self.page(OrderFilter(status=status), limit=1, cursor=None)
        return [order.total for order in page.items]


class _Inventory(_Of):
    def __init__(self, inner: Any, orders: Any) -> None:
        super().__init__(inner)
        self._orders = orders

    async def list_products(self) -> list[Product]:
        if (order_id := narrowed_to()) is None:
            return cast("list[Product]", await self._inner.list_products())
        try:
            order = await self._orders.get(order_id)
        except NotFound:
            return []
        return [await self._inner.get_product(line.sku) for line in order.items]


class _Payments(_Of):
    def __init__(self, inner: Any, begun: Mapping[str, datetime]) -> None:
        super().__init__(inner)
        self._begun = begun

    async def kept_by_provider(self, begin: Any, end: Any, cursor: str | None) -> KeptPage:
        return await self._page(self._inner.kept_by_provider, begin, end, cursor)

    async def refunded_by_provider(self, begin: Any, end: Any, cursor: str | None) -> KeptPage:
        return await self._page(self._inner.refunded_by_provider, begin, end, cursor)

    async def _page(self, page_of: Any, begin: Any, end: Any, cursor: str | None) -> KeptPage:
        """Nothing of the order is older than its run: so the page is most often one."""
        if (order_id := narrowed_to()) is None:
            return cast("KeptPage", await page_of(begin, end, cursor))
        page = cast("KeptPage", await page_of(max(begin, self._begun[order_id]), end, cursor))
        its = tuple(kept for kept in page.items if kept.order_id == order_id)
        return page.model_copy(update={"items": its})

    async def totals(self, status: PaymentStatus) -> list[Money]:
        if (order_id := narrowed_to()) is None:
            return cast("list[Money]", await self._inner.totals(status))
        try:
            payment = await self._inner.for_order(order_id)
        except NotFound:
            return []
        return [payment.amount] if payment.status == status else []


def narrow(services: Services, begun: Mapping[str, datetime]) -> Services:
    """The same services; to an audit of one order they list that one only.

    `begun`: when there was nothing yet of an order, by its id.
    """
    return replace(
        services,
        orders=cast("Any", _Orders(services.orders)),
        inventory=cast("Any", _Inventory(services.inventory, services.orders)),
        payments=cast("Any", _Payments(services.payments, begun)),
    )
