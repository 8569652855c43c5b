"""The product without a mechanism that keeps two sagas apart, by its name in the table of pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from activities import diagnoses, executions, saga_recovery
from activities.executions import Execution
from contracts.base import Money, Reason
from contracts.inventory import ReserveStock, StockLine
from contracts.orders import ConfirmOrder, Order, OrderStatus
from contracts.payments import ChargePayment, Payment
from contracts.users import ValidateUser
from infrastructure.eventstore.store import NewEvent
from invariants.environment import OrderWorld
from invariants.pairs import risks
from saga import Saga
from saga.participant import Op, StepKey
from saga.participant.barrier import Barrier
from saga.participant.clean_action import CleanAction
from services.inventory import reservations, stock_movements
from services.inventory.stock_movements import SOLD, sums
from services.inventory.tables import products
from services.order.aggregate import OrderAggregate
from services.order.changes import Changes, Decision
from services.order.service import Orders
from services.payment.service import Payments
from tests.verifier.mutants_of_lives import ask_all_the_same
from workflows import place_order

_move, _charge, _confirm = stock_movements.move, Payments.charge, Orders.confirm
_judge_claim, _describe = Barrier.judge_claim, executions.describe

TERMINATED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED

Replacements = Callable[[OrderWorld], Sequence[tuple[Any, str, Any]]]


async def attempt_nothing(*_: object, **__: object) -> None:
    """No action is one statement: each goes the way of several."""


async def write_what_was_read(
    tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str
) -> bool:
    """The products' rows are read, and then written whole, as they were but for these pieces."""
    written = {}
    for sku, number in sorted(sums(lines).items()):
        its = select(products).where(products.c.sku == sku)
        row = dict((await tx.execute(its)).mappings().one())
        if row[source] < number:
            return False
        moved = {source: row[source] - number, target: row[target] + number}
        counts = ("stocked", "available", "reserved", "sold")
        written[sku] = {name: row[name] for name in counts} | moved
    for sku, row in written.items():
        await tx.execute(update(products).where(products.c.sku == sku).values(row))
    return True


async def move_line_by_line(
    tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str
) -> bool:
    """The rows are locked one after the other, in the order in which the customer names them."""
    moved = [await _move(tx, [line], source, target) for line in lines]
    return all(moved)


async def put_back_what_is_there(
    tx: AsyncConnection, lines: Sequence[StockLine], source: str, target: str
) -> bool:
    """What is not sold yet is not put back, and nobody waits for it."""
    return await _move(tx, lines, source, target) or source == SOLD


async def have_moved_for_good(_: AsyncConnection, __: ReserveStock) -> int:
    """Whatever the order's saga has done."""
    return reservations.FOR_GOOD


def charge_the_price_of_today(world: OrderWorld) -> Sequence[tuple[Any, str, Any]]:
    """The card is charged by the catalogue, and not by what was accepted."""

    async def charge(self: Payments, key: StepKey, command: ChargePayment) -> Payment:
        (line,) = (await world.services.orders.get(command.order_id)).items
        price = (await world.services.inventory.get_product(line.sku)).price
        amount = Money(**price.model_dump()) * line.quantity
        return await _charge(self, key, command.model_copy(update={"amount": amount}))

    return [(Payments, "charge", charge)]


def confirm_whom_the_account_allows(world: OrderWorld) -> Sequence[tuple[Any, str, Any]]:
    """The account is looked at again, when the card has been charged."""

    async def confirm(self: Orders, key: StepKey, command: ConfirmOrder) -> Order:
        customer = (await self.get(command.order_id)).customer_id
        await world.services.users.validate(ValidateUser(customer_id=customer))
        return await _confirm(self, key, command)

    return [(Orders, "confirm", confirm)]


def be_returnable_if_confirmed(order: OrderAggregate) -> bool:
    """Whoever returns it already."""
    return order.status == OrderStatus.CONFIRMED


def be_returnable_if_pending(order: OrderAggregate) -> bool:
    """Whoever is still at work on it."""
    return order.returning is None and order.status in {OrderStatus.PENDING, OrderStatus.CONFIRMED}


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


async def take_all_for_ended(client: Client, saga_id: str) -> Execution | None:
    """A saga that is at work looks as if somebody had terminated it."""
    execution = await _describe(client, saga_id)
    if execution is not None and execution.is_open:
        execution.info.status = TERMINATED
        execution.info.close_time.GetCurrentTime()
        execution = replace(execution, info=execution.info)
    return execution


def reserve_again(
    self: Barrier[Any], key: StepKey, found: Any, reply_type: Any, op: Op = Op.ACTION
) -> Any:
    """A reservation that is repeated takes effect again."""
    stored = _judge_claim(self, key, found, reply_type, op)
    return None if (key.step, op) == (place_order.RESERVE.name, Op.ACTION) else stored


_SEVERAL_STATEMENTS = (CleanAction, "attempt", attempt_nothing)
MUTANTS: Mapping[str, Replacements] = {
    risks.ONE_UPDATE: lambda _: [
        (stock_movements, "move", write_what_was_read),
        _SEVERAL_STATEMENTS,
    ],
    risks.ORDER_OF_ROWS: lambda _: [
        (stock_movements, "move", move_line_by_line),
        _SEVERAL_STATEMENTS,
    ],
    risks.WAIT_OF_RESTOCK: lambda _: [
        (stock_movements, "move", put_back_what_is_there),
        (reservations, "count_moves_of_order", have_moved_for_good),
    ],
    risks.ACCEPTED_PRICE: charge_the_price_of_today,
    risks.ACCEPTED_CUSTOMER: confirm_whom_the_account_allows,
    risks.LOCK_OF_PLACING: lambda _: [(OrderAggregate, "_returnable", be_returnable_if_pending)],
    risks.LOCK_OF_RETURN: lambda _: [(OrderAggregate, "_returnable", be_returnable_if_confirmed)],
    risks.RELEASE: lambda _: [(OrderAggregate, "abandon_return", keep_the_mark)],
    risks.REREAD: lambda _: [(Changes, "act", decide_by_what_was_read)],
    risks.OPEN_SAGAS: lambda _: [
        (diagnoses, "describe", take_all_for_ended),
        (saga_recovery, "describe", take_all_for_ended),
        (
            saga_recovery,
            "WorkflowIDConflictPolicy",
            SimpleNamespace(FAIL=WorkflowIDConflictPolicy.TERMINATE_EXISTING),
        ),
    ],
    risks.PIVOT_LANDED: lambda _: [(Saga, "step", ask_all_the_same)],
    risks.STORED_REPLIES: lambda _: [(Barrier, "judge_claim", reserve_again)],
}
