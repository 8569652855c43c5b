"""What two sagas of orders share, what is looked at afterwards, and what must be true then."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from sqlalchemy import select, update

from contracts.base import Money
from contracts.names import workflow_id
from contracts.orders import CreateOrder, OrderStatus
from contracts.workflow_io import PlaceOrderInput, SagaInput
from invariants.barriers import barriers_hold
from invariants.cases import OrderCase, OrderEnding
from invariants.environment import OrderWorld
from invariants.stock_and_money import ledger_of, money_is_conserved, new_order
from invariants.subjects.place_order import PLACE_ORDER
from invariants.subjects.stretch import with_stretch
from saga.participant import NotFound
from saga.verify.concurrent.pair import PartnerEnding, SagaPartner
from saga.verify.faults import ExecutionPath
from services.inventory.tables import products
from services.order.aggregate import OrderAggregate
from services.payment.tables import payments

HOLDS = {OrderStatus.CONFIRMED}  # of whom an order's pieces and money are not given back


@dataclass(frozen=True)
class Meeting:
    """The orders of both sides, by what they are called in an outcome."""

    orders: dict[str, CreateOrder]

    @property
    def first(self) -> CreateOrder:
        """The first of them."""
        return next(iter(self.orders.values()))

    def case(self, name: str) -> OrderCase:
        """An order, as the invariants of one order want it."""
        order = self.orders[name]
        return OrderCase(workflow_id(order.order_id), None, order=order)


async def one_order(world: OrderWorld, *, stock: int | None = None) -> Meeting:
    """An order that is not placed yet; `stock`: how many pieces there are of its product."""
    order = await new_order(world)
    if stock is not None:
        await _set_stock(world, order.items[0].sku, stock)
    return Meeting({"A": order})


async def several_orders(
    number: int, world: OrderWorld, *, same_customer: bool = False, stock: int | None = None
) -> Meeting:
    """So many orders of the same product, not placed yet; `stock`: how many pieces there are."""
    first, *others = [await new_order(world) for _ in range(number)]
    shared: dict[str, Any] = {"items": first.items}
    if same_customer:
        shared["customer_id"] = first.customer_id
    if stock is not None:
        await _set_stock(world, first.items[0].sku, stock)
    orders = (first, *(other.model_copy(update=shared) for other in others))
    return Meeting(dict(zip(ascii_uppercase, orders, strict=False)))


async def two_orders_of_two_products(world: OrderWorld) -> Meeting:
    """Two orders of the same two products, which they name in another order."""
    first, second = await new_order(world), await new_order(world)
    lines = (*first.items, *second.items)
    total = first.total + second.total
    orders = (first, lines), (second, lines[::-1])
    both = [one.model_copy(update={"items": its, "total": total}) for one, its in orders]
    return Meeting(dict(zip("AB", both, strict=True)))


async def _set_stock(world: OrderWorld, sku: str, stock: int) -> None:
    async with world.databases["inventory"].transaction() as tx:
        its = update(products).where(products.c.sku == sku)
        await tx.execute(its.values(stocked=stock, available=stock))


def place(name: str) -> SagaPartner:
    """The saga that places the order of this name, on its queues."""

    async def case(_: OrderWorld, meeting: Meeting) -> OrderCase:
        order = meeting.orders[name]
        argument = PlaceOrderInput(**dict(order))
        return OrderCase(workflow_id(order.order_id), argument, order=order)

    return SagaPartner("place", PLACE_ORDER, case, on_path=run_on_path)


def price_and_place(name: str) -> SagaPartner:
    """Likewise; its first call is the acceptance, which reads the price."""

    async def case(world: OrderWorld, meeting: Meeting) -> OrderCase:
        order = meeting.orders[name]
        price = (await world.services.inventory.get_product(order.items[0].sku)).price
        line = order.items[0].model_copy(update={"unit_price": Money(**price.model_dump())})
        total = line.unit_price * line.quantity
        priced = order.model_copy(update={"items": (line,), "total": total})
        meeting.orders[name] = priced
        argument = PlaceOrderInput(**dict(priced))
        return OrderCase(workflow_id(priced.order_id), argument, order=priced)

    looks = "read the price"
    return SagaPartner("price and place", PLACE_ORDER, case, looks, run_on_path)


def run_on_path(argument: SagaInput, path: ExecutionPath) -> SagaInput:
    """The same saga, which runs its activities so."""
    on_path = argument.model_copy(update={"fast_path": path.is_fast})
    return with_stretch(on_path) if path.is_stretch else on_path


async def observe(world: OrderWorld, meeting: Meeting) -> dict[str, Any]:
    """Each product's pieces; each order's status, total, payment, ledger and customer."""
    found: dict[str, Any] = {}
    skus = _list_skus(meeting)
    for number, sku in enumerate(skus, start=1):
        product = await world.services.inventory.get_product(sku)
        of = f" of product {number}" if len(skus) > 1 else ""
        for column in ("stocked", "available", "reserved", "sold"):
            found[f"{column}{of}"] = getattr(product, column)
    for name, order in meeting.orders.items():
        ledger = await ledger_of(world, meeting.case(name))
        found[f"order {name}"] = await _status_of(world, order)
        found[f"total {name}"] = order.total.minor
        found[f"payment {name}"] = await _payment_of(world, order)
        found[f"captured {name}"] = sum(ledger["captured"].values())
        found[f"refunded {name}"] = sum(ledger["refunded"].values())
        customer = await world.services.users.get(order.customer_id)
        found[f"customer {name}"] = "erased" if customer.erased else f"active: {customer.active}"
    return found


async def list_locks(world: OrderWorld, meeting: Meeting) -> list[str]:
    """The marks on orders, and the reserved pieces, that a saga has left: `workflows.isolation`."""
    held = []
    for name, order in meeting.orders.items():
        try:
            history = await world.services.orders.history(order.order_id)
        except NotFound:
            continue
        found = OrderAggregate.from_history(order.order_id, history)
        if found.placed and found.status.is_open:
            held.append(f"order {name} is pending")
        if found.returning is not None:
            held.append(f"order {name} is being returned by {found.returning}")
    for sku in _list_skus(meeting):
        if reserved := (await world.services.inventory.get_product(sku)).reserved:
            held.append(f"{reserved} pieces are reserved")
    return held


def _list_skus(meeting: Meeting) -> list[str]:
    lines = (line for order in meeting.orders.values() for line in order.items)
    return list(dict.fromkeys(line.sku for line in lines))


async def _status_of(world: OrderWorld, order: CreateOrder) -> str | None:
    try:
        return (await world.services.orders.get(order.order_id)).status.value
    except NotFound:
        return None


async def _payment_of(world: OrderWorld, order: CreateOrder) -> str | None:
    async with world.databases["payment"].transaction() as tx:
        query = select(payments.c.status).where(payments.c.order_id == order.order_id)
        return (await tx.execute(query)).scalar_one_or_none()


async def stock_is_whose_orders_are_confirmed(
    world: OrderWorld, meeting: Meeting, _: Mapping[str, PartnerEnding]
) -> list[str]:
    """What confirmed orders have of a product is sold, and the rest is on the shelf."""
    sold: Counter[str] = Counter()
    for order in meeting.orders.values():
        holds = await _status_of(world, order) in HOLDS
        for line in order.items:
            sold[line.sku] += line.quantity if holds else 0
    wrong = []
    for sku, pieces in sold.items():
        product = await world.services.inventory.get_product(sku)
        found = (product.available, product.reserved, product.sold)
        right = (product.stocked - pieces, 0, pieces)
        if found != right:
            wrong.append(f"stock (available, reserved, sold) is {found}, not {right}")
    return wrong


async def money_is_whose_orders_are_confirmed(
    world: OrderWorld, meeting: Meeting, _: Mapping[str, PartnerEnding]
) -> list[str]:
    """A confirmed order's money is kept, any other's is given back, if it was taken."""
    wrong = []
    for name, order in meeting.orders.items():
        kept = await _status_of(world, order) in HOLDS
        said = await money_is_conserved(world, meeting.case(name), OrderEnding(None, ""), kept=kept)
        wrong += [f"order {name}: {violation}" for violation in said]
    return wrong


async def orders_are_closed(
    world: OrderWorld, meeting: Meeting, _: Mapping[str, PartnerEnding]
) -> list[str]:
    """No order is left open."""
    statuses = {name: await _status_of(world, order) for name, order in meeting.orders.items()}
    return [
        f"order {name} is left {status}"
        for name, status in statuses.items()
        if status is not None and OrderStatus(status).is_open
    ]


async def barriers_agree(
    world: OrderWorld, _: Meeting, endings: Mapping[str, PartnerEnding]
) -> list[str]:
    """Each saga's steps are done if it completed, and undone or never done if it did not."""
    wrong = []
    for letter, partner in endings.items():
        saga = partner.saga
        if saga is not None:
            holds = barriers_hold(saga.subject.definition, saga.subject.completed)
            said = await holds(world, saga.case, saga.ending)
            wrong += [f"{letter}: {violation}" for violation in said]
    return wrong


INVARIANTS = (
    stock_is_whose_orders_are_confirmed,
    money_is_whose_orders_are_confirmed,
    orders_are_closed,
    barriers_agree,
)
