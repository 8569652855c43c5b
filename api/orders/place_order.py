"""From a request to an accepted order: ids from the key, prices from the catalogue, then the start.

Nothing is started for a request that is refused here. A repeated request is answered from the
order's record, however old, and from Temporal until there is one (docs/adr/0020-one-round-trip.md).
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from api.http.problem_details import Problem, field_error, overload_problem, validation_problem
from api.overload.concurrency_limit import ConcurrencyLimit
from api.overload.load_shedding import LoadShedder
from api.schemas import PlaceOrderBody
from api.temporal.order_memo import OrderMemo
from api.temporal.saga_gateway import OrderSagas
from contracts.base import Money
from contracts.inventory import InventoryService, Product
from contracts.orders import AcceptedOrder, CreateOrder, Order, OrderLine, OrderService
from contracts.users import UserService
from saga.participant import NotFound, Unavailable


def order_id_for(caller: str, key: str) -> str:
    """The id of the order that this caller makes with this Idempotency-Key, however often.

    Placing an order is the only route that takes keys; another one would derive ids of its own.
    """
    digest = hashlib.sha256(f"{caller}\0{key}".encode()).digest()
    return "ord_" + base64.b32encode(digest).decode().lower()[:26]


def fingerprint(body: PlaceOrderBody) -> str:
    """Equal for equal requests, whatever their white space and order of fields.

    It is on record for good, so the same request must have the same one in every later release: a
    new field of the body must be left out of it where it is not given.
    """
    canonical = json.dumps(body.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class PlacedOrder(NamedTuple):
    """What the caller is told of the order, and whether it was told before."""

    order: Order
    replayed: bool


class OrderPlacement:
    """Takes orders on: prices each, and starts its saga."""

    def __init__(
        self,
        users: UserService,
        orders: OrderService,
        inventory: InventoryService,
        sagas: OrderSagas,
        *,
        starts: ConcurrencyLimit,
        load_shedder: LoadShedder,
        authenticate_within: int | None = None,
    ) -> None:
        """`authenticate_within`: for how many seconds customers may authenticate a payment."""
        self._authenticate_within = authenticate_within
        self._starts = starts
        self._load_shedder = load_shedder
        self._users = users
        self._orders = orders
        self._inventory = inventory
        self._sagas = sagas

    async def place(self, caller: str, key: str, body: PlaceOrderBody) -> PlacedOrder:
        """Start the order's saga once; a repetition by this caller gets what the first one got.

        Problem 422 `idempotency_key_reused` if the key came with another body before, and 503
        `overloaded` if so many are being accepted that another would only wait, or if so many
        sagas are open that another would only be undone. A repetition is answered all the same.
        """
        with self._starts.try_acquire() as acquired:
            if not acquired:
                detail = "too many orders are being accepted; send the same request again"
                raise overload_problem(detail)
            return await self._place(order_id_for(caller, key), body)

    async def _place(self, order_id: str, body: PlaceOrderBody) -> PlacedOrder:
        earlier, priced = await asyncio.gather(
            self._find_recorded(order_id), _catch_problem(self._price(order_id, body))
        )
        wait: int | None = None
        if earlier is None and isinstance(priced, CreateOrder):
            wait = self._load_shedder.shed()
            now = datetime.now(UTC)
            mine = OrderMemo(order=priced, fingerprint=fingerprint(body), accepted_at=now)
            if wait is None and await self._sagas.start(mine):
                return PlacedOrder(mine.to_order(), replayed=False)
        if earlier is None or earlier.fingerprint is None:
            earlier = await self._find_in_memo(order_id) or earlier
        if earlier is None and wait is not None:
            detail = "too many orders are under way; send the same request later"
            raise overload_problem(detail, wait)
        if earlier is None:
            # A repetition is judged by the prices and accounts of then; this is none.
            raise priced if isinstance(priced, Problem) else Unavailable("started, and then gone")
        if earlier.fingerprint not in {None, fingerprint(body)}:
            detail = "this Idempotency-Key was used for another order; use a new one"
            raise Problem(422, "idempotency_key_reused", detail)
        return PlacedOrder(earlier.order, replayed=True)

    async def _find_recorded(self, order_id: str) -> AcceptedOrder | None:
        with suppress(NotFound):
            return await self._orders.get_accepted_order(order_id)
        return None

    async def _find_in_memo(self, order_id: str) -> AcceptedOrder | None:
        with suppress(NotFound):
            return (await self._sagas.read_memo(order_id)).to_accepted_order()
        return None

    async def _price(self, order_id: str, body: PlaceOrderBody) -> CreateOrder:
        """The order with today's prices. Problem 422 naming every field that does not fit."""
        skus = [item.sku for item in body.items]
        errors = [
            field_error(f"/items/{index}/sku", "repeated_sku", "give each SKU once, with its sum")
            for index, sku in enumerate(skus)
            if sku in skus[:index]
        ]
        unknown_customer, found = await asyncio.gather(
            self._check_customer(body.customer_id), self._inventory.list_products(skus)
        )
        errors += unknown_customer
        products = {product.sku: product for product in found}
        errors += [
            field_error(f"/items/{index}/sku", "unknown_sku", f"there is no product {sku}")
            for index, sku in enumerate(skus)
            if sku not in products
        ]
        if errors:
            raise validation_problem(errors)
        order = _order(order_id, body, products)
        return order.model_copy(update={"authenticate_within": self._authenticate_within})

    async def _check_customer(self, customer_id: str) -> list[dict[str, str]]:
        try:
            await self._users.get(customer_id)
        except NotFound as error:
            return [field_error("/customer_id", "unknown_user", error.detail)]
        return []


async def _catch_problem(pricing: Awaitable[CreateOrder]) -> CreateOrder | Problem:
    try:
        return await pricing
    except Problem as problem:
        return problem


def _order(order_id: str, body: PlaceOrderBody, products: dict[str, Product]) -> CreateOrder:
    lines = tuple(
        OrderLine(sku=item.sku, quantity=item.quantity, unit_price=products[item.sku].price)
        for item in body.items
    )
    currency = lines[0].unit_price.currency
    total = Money(minor=0, currency=currency)
    for index, line in enumerate(lines):
        if line.unit_price.currency != currency:
            detail = f"priced in {line.unit_price.currency}, the first item in {currency}"
            error = field_error(f"/items/{index}/sku", "mixed_currencies", detail)
            raise validation_problem([error])
        total += line.unit_price * line.quantity
    if body.expected_total not in (None, total):
        detail = f"the total is {total.format()} now"
        raise validation_problem([field_error("/expected_total", "total_changed", detail)])
    return CreateOrder(
        order_id=order_id,
        customer_id=body.customer_id,
        items=lines,
        total=total,
        payment_method=body.payment_method,
    )
