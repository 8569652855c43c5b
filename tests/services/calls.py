"""Commands for each service, clean ones and others, and all that they leave behind."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Column, MetaData, select

from contracts.base import Money, Reason
from contracts.inventory import NewProduct, Price, ReserveStock, StockLine
from contracts.orders import (
    ConfirmOrder,
    CreateOrder,
    OrderLine,
    OrderStatus,
    StartReturn,
    StepNote,
)
from contracts.payments import ChargePayment, GiveBack
from infrastructure.postgres.database import Database
from saga.participant import ServiceError, StepKey
from services.inventory.service import Inventory
from services.order.service import Orders
from services.payment.service import Payments

Answers = list[str]
OTHER = {
    "created_at",
    "made_at",
    "updated_at",
    "recorded_at",
    "taken_at",
    "transaction_id",
    "position",
}
GIVEN = re.compile(r"\b(pi|re|ins)_\w+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
REASON = Reason(code="out_of_stock", detail="no more")
EUR = Money(minor=300, currency="EUR")


def key(saga: str, step: str) -> StepKey:
    """Of this step of this saga."""
    return StepKey(saga_id=saga, step=step)


def lines(order: str, *wanted: tuple[str, int]) -> ReserveStock:
    """Of an order, in this order."""
    of = tuple(StockLine(sku=sku, quantity=quantity) for sku, quantity in wanted)
    return ReserveStock(order_id=order, lines=of)


def placed(order: str, minor: int = 300) -> CreateOrder:
    """The command of an order of two pieces."""
    line = OrderLine(sku="A", quantity=2, unit_price=Money(minor=150, currency="EUR"))
    return CreateOrder(
        order_id=order,
        customer_id="usr_1",
        items=(line, line),
        total=Money(minor=minor, currency="EUR"),
        payment_method="pm_card_visa",
        fingerprint="f",
    )


async def answer(answers: Answers, call: Awaitable[BaseModel]) -> None:
    """What is answered, in words, without what is another's each time."""
    try:
        words = (await call).model_dump_json()
    except ServiceError as error:
        words = f"{type(error).__name__} {error.code}: {error.detail}"
    answers.append(without_given(words))


def without_given(words: str) -> str:
    """Names that somebody gives are left out, and moments keep their form."""
    return MOMENT.sub("moment", GIVEN.sub("given", words))


async def rows(database: Database, metadata: MetaData) -> dict[str, list[str]]:
    """All rows of all tables, without what is another's each time."""
    found: dict[str, list[str]] = {}
    async with database.statement() as tx:
        for table in metadata.sorted_tables:
            columns = [column for column in table.c if _is_of_the_commands(column)]
            order = table.c.get("position", next(iter(table.primary_key), columns[0]))
            rows = await tx.execute(select(*columns).order_by(order, *table.primary_key))
            said = [json.dumps(list(row), default=str, sort_keys=True) for row in rows]
            found[table.name] = [without_given(words) for words in said]
    return found


def _is_of_the_commands(column: Column[Any]) -> bool:
    return column.name not in OTHER and not (column.table.name == "outbox" and column.name == "id")


async def of_inventory(inventory: Inventory) -> Answers:
    """Reservations and sales: the first, again, of too much, of nothing, late and undone."""
    answers: Answers = []
    for sku, stock in (("A", 10), ("B", 5)):
        price = Price(minor=100, currency="EUR")
        await inventory.create_product(NewProduct(sku=sku, name=sku, price=price, stock=stock))
    for act, saga, step, command in _stock_calls(inventory):
        await answer(answers, act(key(saga, step), command))
    return answers


def _stock_calls(inventory: Inventory) -> Sequence[tuple[Any, str, str, ReserveStock]]:
    reserve, commit, release = inventory.reserve, inventory.commit, inventory.release
    of_one = lines("ord_1", ("A", 4), ("B", 2), ("A", 1))
    turned = lines("ord_1", ("B", 2), ("A", 5))
    return (
        (reserve, "order-ord_1", "reserve", of_one),
        (reserve, "order-ord_1", "reserve", of_one),
        (reserve, "order-ord_1", "reserve", lines("ord_1", ("A", 1))),
        (reserve, "order-ord_2", "reserve", lines("ord_2", ("A", 1), ("B", 4))),
        (reserve, "order-ord_2", "reserve", lines("ord_2", ("A", 1), ("C", 1))),
        (release, "order-ord_3", "reserve", lines("ord_3", ("A", 1))),
        (reserve, "order-ord_3", "reserve", lines("ord_3", ("A", 1))),
        (reserve, "order-ord_4", "reserve", lines("ord_4", ("A", 1))),
        (commit, "order-ord_4", "commit", lines("ord_4", ("A", 2))),
        (commit, "order-ord_5", "commit", lines("ord_4", ("A", 1))),
        (release, "order-ord_4", "reserve", lines("ord_4", ("A", 1))),
        (commit, "order-ord_4", "commit", lines("ord_4", ("A", 1))),
        (commit, "order-ord_1", "commit", turned),
        (commit, "order-ord_1", "commit", turned),
        (release, "order-ord_1", "reserve", of_one),
        (inventory.restock, "return-ord_1", "restock", of_one),
        (inventory.restock, "return-ord_1", "restock", of_one),
        (reserve, "order-ord_6", "reserve", lines("ord_6", ("B", 1))),
        (commit, "order-ord_6", "commit", lines("ord_6", ("B", 1))),
    )


async def of_orders(orders: Orders) -> Answers:
    """Orders: placed, again, by another, confirmed by others, closed, returned, with notes."""
    answers: Answers = []
    for call in _order_calls(orders):
        await answer(answers, call())
    return answers


def _order_calls(orders: Orders) -> Sequence[Callable[[], Awaitable[BaseModel]]]:
    one, two, three = "order-ord_1", "order-ord_2", "order-ord_3"
    confirm, back = (
        ConfirmOrder(order_id="ord_1"),
        StartReturn(order_id="ord_1", items=placed("ord_1").items, total=EUR),
    )
    note = StepNote(order_id="ord_1", step="pay", blocked="no answer", still_blocked=True)
    return (
        lambda: orders.confirm(key(one, "confirm"), confirm),
        lambda: orders.create(key(one, "create"), placed("ord_1")),
        lambda: orders.create(key(one, "create"), placed("ord_1")),
        lambda: orders.create(key(one, "create"), placed("ord_1", 301)),
        lambda: orders.create(key(two, "create"), placed("ord_1")),
        lambda: orders.confirm(key(two, "confirm"), confirm),
        lambda: orders.note(key(one, "note"), note),
        lambda: orders.confirm(key(one, "confirm"), confirm),
        lambda: orders.confirm(key(one, "confirm"), confirm),
        lambda: orders.confirm(key(one, "confirm too"), confirm),
        lambda: orders.close(key(two, "create"), placed("ord_2"), OrderStatus.REJECTED, REASON),
        lambda: orders.create(key(two, "create"), placed("ord_2")),
        lambda: orders.create(key(three, "create"), placed("ord_3")),
        lambda: orders.close(key(three, "create"), placed("ord_3"), OrderStatus.REJECTED, REASON),
        lambda: orders.confirm(key(three, "confirm"), ConfirmOrder(order_id="ord_3")),
        lambda: orders.begin_return(key("return-ord_1", "begin_return"), back),
        lambda: orders.begin_return(key("return-ord_1", "begin_return"), back),
        lambda: orders.begin_return(key("return-ord_1-2", "begin_return"), back),
        lambda: orders.complete_return(key("return-ord_1", "complete"), back),
        lambda: orders.complete_return(key("return-ord_1", "complete"), back),
    )


async def of_payments(payments: Payments) -> Answers:
    """Charges: captured, again, of another amount, declined, undone, undone before, given back."""
    answers: Answers = []

    def charge(order: str, method: str = "pm_card_visa", minor: int = 300) -> ChargePayment:
        amount = Money(minor=minor, currency="EUR")
        return ChargePayment(order_id=order, amount=amount, payment_method=method)

    def step(order: str) -> StepKey:
        return key(f"order-{order}", "charge")

    declined = charge("c_3", "pm_card_visa_chargeDeclined")
    for act, of, command in (
        (payments.charge, step("c_1"), charge("c_1")),
        (payments.charge, step("c_1"), charge("c_1")),
        (payments.charge, step("c_1"), charge("c_1", minor=301)),
        (payments.charge, key("order-c_1", "charge too"), charge("c_1")),
        (payments.refund, step("c_2"), charge("c_2")),
        (payments.charge, step("c_2"), charge("c_2")),
        (payments.charge, step("c_3"), declined),
        (payments.charge, step("c_3"), declined),
        (payments.refund, step("c_3"), declined),
        (payments.charge, step("c_4"), charge("c_4")),
        (payments.refund, step("c_4"), charge("c_4")),
        (payments.charge, step("c_4"), charge("c_4")),
    ):
        await answer(answers, act(of, command))
    back = GiveBack(order_id="c_1", amount=EUR)
    await answer(answers, payments.give_back(key("return-c_1", "refund"), back))
    return answers
