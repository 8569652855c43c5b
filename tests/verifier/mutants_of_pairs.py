"""The product without a mechanism that keeps two sagas apart, and the pair that misses it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Money, Reason
from contracts.inventory import StockLine
from contracts.orders import Order, OrderStatus
from contracts.payments import ChargePayment, Payment
from infrastructure.eventstore.store import NewEvent
from invariants.environment import OrderWorld
from saga.participant import StepKey
from saga.participant.clean_action import CleanAction
from saga.verify.concurrent.anomalies import Anomaly
from services.inventory import stock_movements
from services.inventory.stock_movements import RESERVED, SOLD
from services.inventory.tables import products
from services.order.aggregate import OrderAggregate
from services.order.changes import Changes, Decision
from services.payment.service import Payments

_move, _charge = stock_movements.move, Payments.charge


class PairMutant(NamedTuple):
    """What replaces what; the pair and the word that find it, and what they call it.

    `within_calls`: the two meet between statements. `fault`: the one that strikes.
    """

    mechanism: str
    replaces: Callable[[OrderWorld], Sequence[tuple[Any, str, Any]]]
    pair: str
    word: str
    anomaly: Anomaly
    within_calls: bool = False
    fault: str = ""


async def attempt_nothing(*_: object, **__: object) -> None:
    """No action is one statement: each goes the way of several."""


async def read_then_write(
    tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str
) -> bool:
    """What is sold is read first, and then written as it was read, less what is sold now."""
    if (source, target) != (RESERVED, SOLD):
        return await _move(tx, lines, source, target)
    for line in lines:
        its = products.c.sku == line.sku
        row = (await tx.execute(select(products).where(its))).mappings().one()
        left = {source: row[source] - line.quantity, target: row[target] + line.quantity}
        await tx.execute(update(products).where(its).values(left))
    return True


def charge_the_price_of_today(world: OrderWorld) -> Sequence[tuple[Any, str, Any]]:
    """The card is charged by the catalogue, and not by what was accepted."""

    async def charge(self: Payments, key: StepKey, command: ChargePayment) -> Payment:
        (line,) = (await world.services.orders.get(command.order_id)).items
        price = (await world.services.inventory.get_product(line.sku)).price
        amount = Money(**price.model_dump()) * line.quantity
        return await _charge(self, key, command.model_copy(update={"amount": amount}))

    return [(Payments, "charge", charge)]


async def move_line_by_line(
    tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str
) -> bool:
    """The rows are locked one after the other, in the order in which the customer names them."""
    moved = [await _move(tx, [line], source, target) for line in lines]
    return all(moved)


def be_returnable(order: OrderAggregate) -> bool:
    """Whoever returns it already."""
    return order.status == OrderStatus.CONFIRMED


def keep_the_mark(order: OrderAggregate, saga_id: str, reason: Reason) -> list[NewEvent]:
    """A return that is abandoned leaves the order marked as being returned."""
    return []


async def decide_by_what_was_read(
    self: Changes,
    key: StepKey,
    digest: str,
    order_id: str,
    decide: Decision,
    *,
    new: bool = False,
) -> Order:
    """What was decided is written, whatever has become of the order meanwhile."""
    decided = decide(OrderAggregate(order_id) if new else await self._read(order_id))

    async def effect() -> Order:
        return await self.record(tx, await self.load(tx, order_id), decided)

    async with self._database.transaction() as tx:
        return await self._barrier.action(tx, key, Order, effect, digest=digest)


MUTANTS = (
    PairMutant(
        "conditional update of the stock",
        lambda _: [
            (stock_movements, "move", read_then_write),
            (CleanAction, "attempt", attempt_nothing),
        ],
        "place and place, the same customer and product",
        "AB" * 40,
        Anomaly.LOST_UPDATE,
        within_calls=True,
    ),
    PairMutant(
        "accepted price",
        charge_the_price_of_today,
        "place and change the price",
        "ABAAAAAA",
        Anomaly.WRITE_SKEW,
    ),
    PairMutant(
        "lock on an order that is being returned",
        lambda _: [(OrderAggregate, "_returnable", be_returnable)],
        "return and return, the same order",
        "ABABAAAA",
        Anomaly.LOST_UPDATE,
    ),
    PairMutant(
        "release of that lock",
        lambda _: [(OrderAggregate, "abandon_return", keep_the_mark)],
        "return and return, the same order",
        "ABABAA",
        Anomaly.ORPHANED_LOCK,
        fault="A refund_payment:payment.give_back is rejected",
    ),
    PairMutant(
        "one order of locks on stock",
        lambda _: [
            (stock_movements, "move", move_line_by_line),
            (CleanAction, "attempt", attempt_nothing),
        ],
        "place and place, the same two products",
        "AB" * 40,
        Anomaly.DEADLOCK,
        within_calls=True,
    ),
    PairMutant(
        "re-read of the order",
        lambda _: [(Changes, "act", decide_by_what_was_read)],
        "return and return, the same order",
        "AB" * 20,
        Anomaly.LOST_UPDATE,
        within_calls=True,
    ),
)
