"""The inventory service's language: products, their price and stock, and reservations."""

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from contracts.barrier_records import Effects, Epoch
from contracts.base import MAX_MINOR, Message, Money, Name, Quantity, Sku
from contracts.money.currencies import CURRENCIES
from contracts.money.formatting import format_money
from contracts.names import wire_name
from saga.participant import StepKey
from saga.participant.records import StepRecord


class Price(Money):
    """What one piece costs; a product is never free."""

    minor: int = Field(ge=1, le=MAX_MINOR, strict=True)


def _demand_chargeable(price: Price) -> Price:
    """Refuse what the payment provider does not take. Products of older releases may cost it."""
    currency = CURRENCIES.get(price.currency)
    if currency is None:
        told = {"code": price.currency}
        raise PydanticCustomError(
            "unsupported_currency", "the payment provider does not take {code}", told
        )
    if price.minor % currency.step:
        least = format_money(currency.step, currency.code)
        told = {"least": least}
        raise PydanticCustomError("not_a_multiple", "must be a multiple of {least}", told)
    return price


class NewProduct(Message):
    """A product to offer, with its first stock."""

    sku: Sku
    name: Name
    price: Annotated[
        Price,
        AfterValidator(_demand_chargeable),
        Field(description="What the payment provider takes: of its currencies, and in their steps"),
    ]
    stock: int = Field(ge=0, le=10**9, strict=True)


class AddStock(Message):
    """Pieces that came in. Stock is added, never set, so that additions commute."""

    quantity: int = Field(ge=1, le=10**9, strict=True)


class Product(Message):
    """A product. `available + reserved + sold = stocked`, always."""

    sku: str
    name: str
    price: Price
    stocked: int
    available: int
    reserved: int
    sold: int


class StockLine(Message):
    """So many pieces of one product."""

    sku: Sku
    quantity: Quantity


class ReserveStock(Message):
    """Hold pieces for an order; the same command releases, commits or restocks them."""

    order_id: str
    lines: tuple[StockLine, ...]


class Reservation(Message):
    """What is held, released or sold for an order; no lines if nothing was to do."""

    order_id: str
    lines: tuple[StockLine, ...]


class Holding(Message):
    """Pieces that are reserved for a saga, and for how many seconds they have been."""

    saga_id: str
    pieces: int
    seconds: float


class InventoryService(Protocol):
    """Products and stock."""

    async def create_product(self, product: NewProduct) -> Product:
        """Offer a product. Rejected `sku_exists` if the SKU is taken."""

    async def get_product(self, sku: str) -> Product:
        """Read a product. NotFound if there is none."""

    async def list_products(self, skus: Sequence[str] | None = None) -> list[Product]:
        """Products in order of SKU: all, or those of `skus` that exist."""

    async def add_stock(self, sku: str, stock: AddStock) -> Product:
        """Put new pieces on the shelf. NotFound if there is no such product."""

    async def reserve(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Move pieces from available to reserved: all lines or none.

        Rejected `out_of_stock`, NotFound `unknown_sku`.
        """

    async def release(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Undo `reserve`: what it moved goes back to available.

        Rejected `stock_sold` if this saga has sold it since.
        """

    async def commit(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Move reserved pieces to sold.

        Rejected `stock_not_held` unless this very saga has reserved them for this order.
        """

    async def restock(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Move the pieces that the order's saga has sold back to available: it was returned.

        Unavailable while they are not sold yet: a confirmed order's stock is committed a moment
        after its confirmation. Rejected `foreign_saga` unless this saga is a return of the order.
        """

    @wire_name("held")
    async def list_holdings(self, saga_ids: Sequence[str]) -> list[Holding]:
        """What these sagas have reserved and neither released nor sold; others are left out."""

    async def effects(self, saga_ids: Sequence[str]) -> list[Effects]:
        """Which steps of these sagas stand here; sagas without any are left out."""

    @wire_name("recorded")
    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first; empty if there is nothing."""

    async def epoch(self) -> Epoch:
        """In which life of its database the service is."""
