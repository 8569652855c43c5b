"""Customers, products and orders for the load."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from contracts.inventory import NewProduct, Price
from contracts.orders import CreateOrder, OrderLine
from contracts.users import NewUser
from services.composition import Services

CUSTOMERS = 50
PRODUCTS = 200
PRICE = Price(minor=995, currency="EUR")
STOCK = 10**9
LINES = 2


@dataclass(frozen=True)
class Shop:
    """Orders of so many lines: one of each product, chosen at random, so that rows are not hot."""

    customers: Sequence[str]
    skus: Sequence[str]
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - no secret

    def order(self, lines: int = LINES) -> CreateOrder:
        """A new order, complete and never seen before."""
        items = tuple(
            OrderLine(sku=sku, quantity=1, unit_price=PRICE)
            for sku in self.dice.sample(self.skus, lines)
        )
        return CreateOrder(
            order_id=f"ord_{uuid4().hex[:26]}",
            customer_id=self.dice.choice(self.customers),
            items=items,
            total=PRICE * lines,
            payment_method="pm_card_visa",
        )


async def open_shop(services: Services) -> Shop:
    """Register customers and offer products, with stock that does not run out."""
    person = NewUser(name="Load", email="load@example.com")
    customers = [(await services.users.create(person)).id for _ in range(CUSTOMERS)]
    skus = [f"LOAD-{number}" for number in range(PRODUCTS)]
    for sku in skus:
        await services.inventory.create_product(
            NewProduct(sku=sku, name="Thing", price=PRICE, stock=STOCK)
        )
    return Shop(customers, skus)
