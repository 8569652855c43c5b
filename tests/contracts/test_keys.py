"""A key means one command: in each service, in this process, over HTTP and in memory.

Every operation of a step is in the tables below, or a test fails: a new one is held to this, too.
"""

import inspect
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, NamedTuple

import pytest

from contracts.base import Money, Reason
from contracts.inventory import InventoryService, NewProduct, Price, ReserveStock, StockLine
from contracts.orders import (
    ConfirmOrder,
    CreateOrder,
    OrderLine,
    OrderService,
    OrderStatus,
    StartReturn,
)
from contracts.payments import ChargePayment, GiveBack, PaymentService
from contracts.users import UserService
from saga.participant import KeyReused, StepKey

WHY = Reason(code="out_of_stock", detail="no more")
TOTAL, OTHER = Money(minor=300, currency="EUR"), Money(minor=900, currency="EUR")
LINE = OrderLine(sku="A", quantity=2, unit_price=Money(minor=150, currency="EUR"))
# Keyed by what it says, so that two notes never meet under one key (`test_notes`).
BY_CONTENT = {"note", "require_action"}
_numbers = count(1)  # the provider remembers keys, so no two tests share an order


class Operation(NamedTuple):
    """How to call one: its step, what must have been called before, and two commands of a key."""

    step: str
    before: tuple[str, ...]
    commands: Callable[[str], tuple[Any, Any]]
    more: tuple[Any, ...] = ()
    saga: str = "order"
    intent: bool = False  # whether it is told which intent charged the order, too


def _orders(order_id: str) -> tuple[CreateOrder, CreateOrder]:
    one = CreateOrder(
        order_id=order_id, customer_id="usr_1", items=(LINE,), total=TOTAL, payment_method="pm_1"
    )
    return one, one.model_copy(update={"total": OTHER})


def _returns(order_id: str) -> tuple[StartReturn, StartReturn]:
    one = StartReturn(order_id=order_id, items=(LINE,), total=TOTAL)
    return one, one.model_copy(update={"total": OTHER})


def _stock(order_id: str) -> tuple[ReserveStock, ReserveStock]:
    one = ReserveStock(order_id=order_id, lines=(StockLine(sku="A", quantity=2),))
    return one, one.model_copy(update={"lines": (StockLine(sku="A", quantity=3),)})


def _charges(order_id: str) -> tuple[ChargePayment, ChargePayment]:
    one = ChargePayment(order_id=order_id, amount=TOTAL, payment_method="pm_card_visa")
    return one, one.model_copy(update={"amount": OTHER})


def _adoptions(order_id: str) -> tuple[ChargePayment, ChargePayment]:
    """Both are of the amount that was captured: one of another amount is not adoptable at all."""
    one, _ = _charges(order_id)
    return one, one.model_copy(update={"payment_method": "pm_card_mastercard"})


def _refunds(order_id: str) -> tuple[GiveBack, GiveBack]:
    one = GiveBack(order_id=order_id, amount=TOTAL)
    return one, one.model_copy(update={"amount": OTHER})


def _confirmations(order_id: str) -> tuple[ConfirmOrder, ConfirmOrder]:
    return ConfirmOrder(order_id=order_id), ConfirmOrder(order_id="ord_other")


CLOSED = (OrderStatus.CANCELLED, WHY)
CONFIRMED, BEGUN = ("create", "confirm"), ("create", "confirm", "begin_return")
ORDERS = {
    "create": Operation("create_order", (), _orders),
    "close": Operation("create_order", ("create",), _orders, CLOSED),
    "confirm": Operation("confirm_order", ("create",), _confirmations),
    "begin_return": Operation("begin_return", CONFIRMED, _returns, saga="return"),
    "abandon_return": Operation("begin_return", BEGUN, _returns, (WHY,), saga="return"),
    "complete_return": Operation("mark_returned", BEGUN, _returns, saga="return"),
}
INVENTORY = {
    "reserve": Operation("reserve", (), _stock),
    "release": Operation("reserve", ("reserve",), _stock),
    "commit": Operation("commit", ("reserve",), _stock),
    "restock": Operation("restock", ("reserve", "commit"), _stock, saga="return"),
}
PAYMENTS = {
    "charge": Operation("charge", (), _charges),
    "refund": Operation("charge", ("charge",), _charges),
    "give_back": Operation("refund", ("charge",), _refunds, saga="return"),
    "adopt": Operation("charge", ("charge",), _adoptions, intent=True),
}
PROTOCOLS: dict[Any, dict[str, Operation]] = {
    OrderService: ORDERS,
    InventoryService: INVENTORY,
    PaymentService: PAYMENTS,
    UserService: {},
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_operation_of_a_step_is_held_to_it(protocol: Any) -> None:
    methods = inspect.getmembers(protocol, inspect.iscoroutinefunction)
    taking = {name for name, method in methods if {"key", "command"} <= {*_parameters(method)}}
    assert taking - BY_CONTENT == set(PROTOCOLS[protocol])


def _parameters(method: Any) -> list[str]:
    return list(inspect.signature(method).parameters)


class Asking:
    """One service and one order."""

    def __init__(self, service: Any, table: dict[str, Operation]) -> None:
        self._service = service
        self._table = table
        self.order_id = f"ord_keys{next(_numbers)}"

    async def ask(self, name: str, which: int = 0, *, saga_id: str | None = None) -> Any:
        """The operation, with the first or the other command, by its own saga or this one."""
        operation = self._table[name]
        saga_id = saga_id or f"{operation.saga}-{self.order_id}"
        key = StepKey(saga_id=saga_id, step=operation.step)
        command = operation.commands(self.order_id)[which]
        more = operation.more
        if operation.intent:
            more = ((await self._service.for_order(self.order_id)).intent_id,)
        return await getattr(self._service, name)(key, command, *more)

    async def prepare(self, name: str) -> None:
        """What must have been called before."""
        for earlier in self._table[name].before:
            await self.ask(earlier)


async def _held_to_one_command(asking: Asking, name: str) -> None:
    await asking.prepare(name)
    first = await asking.ask(name)
    await _refused(asking.ask(name, 1))
    assert await asking.ask(name) == first


async def _refused(asked: Awaitable[Any]) -> None:
    with pytest.raises(KeyReused) as refused:
        await asked
    assert refused.value.code == "key_reused"


@pytest.mark.parametrize("name", ORDERS)
async def test_an_orders_key_means_one_command(orders: OrderService, name: str) -> None:
    await _held_to_one_command(Asking(orders, ORDERS), name)


@pytest.mark.parametrize("name", INVENTORY)
async def test_a_stocks_key_means_one_command(stock: InventoryService, name: str) -> None:
    await on_the_shelf(stock)
    await _held_to_one_command(Asking(stock, INVENTORY), name)


@pytest.mark.parametrize("name", PAYMENTS)
async def test_a_payments_key_means_one_command(payments: PaymentService, name: str) -> None:
    await _held_to_one_command(Asking(payments, PAYMENTS), name)


async def test_an_order_is_not_closed_by_another_command(orders: OrderService) -> None:
    asking = Asking(orders, ORDERS)
    created = await asking.ask("create")
    await _refused(asking.ask("close", 1))
    assert await orders.get(created.id) == created
    assert await asking.ask("create") == created


async def test_a_return_is_not_abandoned_by_another_command(orders: OrderService) -> None:
    asking = Asking(orders, ORDERS)
    await asking.prepare("abandon_return")
    await _refused(asking.ask("abandon_return", 1))
    assert (await asking.ask("complete_return")).status == OrderStatus.RETURNED


async def test_pieces_are_not_released_by_another_command(stock: InventoryService) -> None:
    await on_the_shelf(stock)
    asking = Asking(stock, INVENTORY)
    await asking.ask("reserve")
    await _refused(asking.ask("release", 1))
    assert (await stock.get_product("A")).reserved == 2
    await asking.ask("commit")


async def test_money_is_not_given_back_by_another_command(payments: PaymentService) -> None:
    asking = Asking(payments, PAYMENTS)
    charged = await asking.ask("charge")
    await _refused(asking.ask("refund", 1))
    assert await payments.for_order(charged.order_id) == charged


async def on_the_shelf(stock: InventoryService) -> None:
    """A product to hold pieces of."""
    price = Price(minor=150, currency="EUR")
    await stock.create_product(NewProduct(sku="A", name="A", price=price, stock=10))
