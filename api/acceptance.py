"""From a request to an accepted order: ids from the key, prices from the catalogue, then the start.

Nothing is started for a request that is refused here.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime

from api.bodies import PlaceOrderBody
from api.problems import Problem, field_error, invalid
from api.sagas import Accepted, OrderSagas
from contracts.errors import NotFound
from contracts.inventory import InventoryService, Product
from contracts.message import Money
from contracts.orders import CreateOrder, OrderLine
from contracts.users import UserService


def order_id_for(caller: str, key: str) -> str:
    """The id of the order that this caller makes with this Idempotency-Key, however often."""
    digest = hashlib.sha256(f"{caller}\0{key}".encode()).digest()
    return "ord_" + base64.b32encode(digest).decode().lower()[:26]


def fingerprint(body: PlaceOrderBody) -> str:
    """Equal for equal requests, whatever their white space and order of fields."""
    canonical = json.dumps(body.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class Acceptance:
    """Accepts orders."""

    def __init__(self, users: UserService, inventory: InventoryService, sagas: OrderSagas) -> None:
        self._users = users
        self._inventory = inventory
        self._sagas = sagas

    async def accept(self, caller: str, key: str, body: PlaceOrderBody) -> Accepted:
        """Start the order's saga once; a repetition by this caller gets what the first one got.

        Problem 422 `idempotency_key_reused` if the key came with another body before.
        """
        order_id = order_id_for(caller, key)
        try:
            order = await self._priced(order_id, body)
        except Problem:
            # Prices and accounts change: a repetition is judged by what was accepted then.
            accepted = await self._earlier(order_id)
            if accepted is None:
                raise
        else:
            now = datetime.now(UTC)
            mine = Accepted(order=order, fingerprint=fingerprint(body), accepted_at=now)
            accepted = await self._sagas.start(mine)
        if accepted.fingerprint != fingerprint(body):
            detail = "this Idempotency-Key was used for another order; use a new one"
            raise Problem(422, "idempotency_key_reused", detail)
        return accepted

    async def _earlier(self, order_id: str) -> Accepted | None:
        try:
            return await self._sagas.accepted(order_id)
        except NotFound:
            return None

    async def _priced(self, order_id: str, body: PlaceOrderBody) -> CreateOrder:
        """The order with today's prices. Problem 422 naming every field that does not fit."""
        skus = [item.sku for item in body.items]
        errors = [
            field_error(f"/items/{index}/sku", "repeated_sku", "give each SKU once, with its sum")
            for index, sku in enumerate(skus)
            if sku in skus[:index]
        ]
        errors += await self._unknown_customer(body.customer_id)
        products = {product.sku: product for product in await self._inventory.list_products(skus)}
        errors += [
            field_error(f"/items/{index}/sku", "unknown_sku", f"there is no product {sku}")
            for index, sku in enumerate(skus)
            if sku not in products
        ]
        if errors:
            raise invalid(errors)
        return _order(order_id, body, products)

    async def _unknown_customer(self, customer_id: str) -> list[dict[str, str]]:
        try:
            await self._users.get(customer_id)
        except NotFound as error:
            return [field_error("/customer_id", error.code, error.detail)]
        return []


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
            raise invalid([field_error(f"/items/{index}/sku", "mixed_currencies", detail)])
        total += line.unit_price * line.quantity
    if body.expected_total not in (None, total):
        detail = f"the total is {total.minor} {total.currency} (minor units) now"
        raise invalid([field_error("/expected_total", "total_changed", detail)])
    return CreateOrder(
        order_id=order_id,
        customer_id=body.customer_id,
        items=lines,
        total=total,
        payment_method=body.payment_method,
    )
