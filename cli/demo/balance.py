"""The ledger at the end: stock and money before and after, and whether they add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cli.client import ApiError
from cli.demo.run import STOCK, Demo
from cli.demo.scenarios import Story


@dataclass(frozen=True)
class Shelf:
    """The stock of one product."""

    sku: str
    before: int
    available: int
    reserved: int
    sold: int
    ordered: int

    @property
    def adds_up(self) -> bool:
        """Nothing lost, nothing stranded, and sold is what confirmed orders asked for."""
        return (
            self.available + self.sold == self.before
            and self.reserved == 0
            and self.sold == self.ordered
        )


@dataclass(frozen=True)
class Books:
    """Stock and money of the demo's orders; amounts are minor units."""

    shelves: tuple[Shelf, ...]
    captured: int
    refunded: int
    confirmed: int
    witness: str

    @property
    def adds_up(self) -> bool:
        """What was kept is what confirmed orders cost, and every shelf adds up."""
        return self.captured - self.refunded == self.confirmed and all(
            shelf.adds_up for shelf in self.shelves
        )

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "stock": [vars(shelf) for shelf in self.shelves],
            "money": {
                "captured": self.captured,
                "refunded": self.refunded,
                "confirmed": self.confirmed,
                "witness": self.witness,
            },
            "adds_up": self.adds_up,
        }


def balance(demo: Demo, stories: Sequence[Story]) -> Books:
    """Read the books: stock by the API, money by the provider's ledger where it can be seen."""
    sold = [story for story in stories if story.status == "confirmed"]
    moved = [_sum_money(demo, story.order["id"]) for story in stories]
    return Books(
        shelves=tuple(_shelf(demo, name, sold) for name in demo.skus),
        captured=sum(captured for captured, _ in moved),
        refunded=sum(refunded for _, refunded in moved),
        confirmed=sum(story.order["total"]["minor"] for story in sold),
        witness="the provider's ledger" if demo.local else "the payment service",
    )


def _shelf(demo: Demo, name: str, sold: Sequence[Story]) -> Shelf:
    product = demo.api.get(f"/v1/products/{demo.skus[name]}")
    return Shelf(
        sku=product["sku"],
        before=STOCK[name],
        available=product["available"],
        reserved=product["reserved"],
        sold=product["sold"],
        ordered=sum(story.quantity for story in sold if story.product == name),
    )


def _sum_money(demo: Demo, order_id: str) -> tuple[int, int]:
    """(captured, refunded) of an order."""
    if demo.local is not None:
        ledger = demo.local.ledger(order_id)
        return sum(ledger["captured"].values()), sum(ledger["refunded"].values())
    try:
        payment = demo.api.get(f"/v1/payments/{order_id}")
    except ApiError as error:
        if error.status != 404:
            raise
        return 0, 0  # it never came to a charge
    amount = payment["amount"]["minor"]
    captured = amount if payment["status"] in {"captured", "refunded"} else 0
    return captured, amount if payment["status"] == "refunded" else 0
