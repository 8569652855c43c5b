"""ReturnOrder as a subject: the order is returned, or it is as confirmed as it was before."""

import workflows.return_order as module
from contracts.inventory import ReserveStock, StockLine
from contracts.names import return_id, workflow_id
from contracts.orders import RETURN_ABANDONED, ConfirmOrder, CreateOrder, OrderStatus
from contracts.payments import ChargePayment
from contracts.workflow_io import CancelOrder, ReturnOrderInput, ReturnOutcome
from invariants.barriers import barriers_hold
from invariants.cases import OrderCase, OrderEnding
from invariants.environment import OrderWorld
from invariants.stock_and_money import (
    an_accepted_cancel_cancels,
    fetch_event_types,
    money_is_conserved,
    new_order,
    stock_is_conserved,
    words_are_on_record,
)
from invariants.subjects.extension import OrderExtension
from invariants.subjects.stretch import with_stretch
from saga.participant import StepKey
from saga.verify.subject import Subject

RETURNED = OrderStatus.RETURNED.value


async def make(world: OrderWorld, fast: bool) -> OrderCase:
    """An order that is confirmed and about to be returned."""
    order = await new_order(world)
    await confirm(world, order)
    what = {"order_id": order.order_id, "items": order.items, "total": order.total}
    start = ReturnOrderInput(**what, words_first=True, fast_path=fast)
    return OrderCase(return_id(order.order_id), start, fast, order=order)


async def confirm(world: OrderWorld, order: CreateOrder) -> None:
    """What PlaceOrder does, without a workflow."""
    services, placing = world.services, workflow_id(order.order_id)
    lines = tuple(StockLine(sku=product.sku, quantity=product.quantity) for product in order.items)
    stock = ReserveStock(order_id=order.order_id, lines=lines)
    charge = ChargePayment(
        order_id=order.order_id, amount=order.total, payment_method=order.payment_method
    )
    await services.orders.create(StepKey(saga_id=placing, step="create_order"), order)
    await services.inventory.reserve(StepKey(saga_id=placing, step="reserve_inventory"), stock)
    await services.payments.charge(StepKey(saga_id=placing, step="charge_payment"), charge)
    confirm = ConfirmOrder(order_id=order.order_id)
    await services.orders.confirm(StepKey(saga_id=placing, step="confirm_order"), confirm)
    await services.inventory.commit(StepKey(saga_id=placing, step="commit_inventory"), stock)


async def stock_is_where_the_status_says(
    world: OrderWorld, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """Back on the shelf if the order is returned, else sold as before.

    It stays so if people said that they restock it.
    """
    sold = ending.status != RETURNED or module.RESTOCK.name in ending.left
    return await stock_is_conserved(world, case, sold=sold)


async def money_is_where_the_status_says(
    world: OrderWorld, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """Refunded if the order is returned, else kept as before."""
    return await money_is_conserved(world, case, ending, kept=ending.status != RETURNED)


async def the_record_says_the_truth(
    world: OrderWorld, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """Returned or confirmed, as the workflow says; one return, and it has ended.

    Its end is not on record if people said that they put it there.
    """
    order = await world.services.orders.get(case.order.order_id)
    left = not ending.left.isdisjoint({module.BEGIN_RETURN.name, module.MARK_RETURNED.name})
    if left:
        return [] if order.status == OrderStatus.CONFIRMED else [f"the order is {order.status}"]
    right = RETURNED if ending.status == RETURNED else OrderStatus.CONFIRMED
    wrong = [] if order.status == right else [f"the order is {order.status}, not {right}"]
    types = await fetch_event_types(world, case)
    ends = [kind for kind in types if kind in {"OrderReturned", RETURN_ABANDONED}]
    if types.count("OrderReturnStarted") > 1 or len(ends) != 1:
        wrong.append(f"the return did not begin and end once: {types}")
    return wrong


def status(outcome: ReturnOutcome) -> str:
    """Returned, or why not, by the code that is on record."""
    if outcome.returned:
        return RETURNED
    code = outcome.reason.code if outcome.reason else "no reason"
    if code.startswith("cancelled_by_"):
        return "cancelled"
    return "timed_out" if code.endswith(("_timed_out", "deadline_exceeded")) else "rejected"


RETURN_ORDER = Subject(
    workflow=module.ReturnOrder,
    definition=module.RETURN_ORDER,
    make=make,
    cancel=CancelOrder(),
    resolves=True,
    fast_path=True,
    stretch=with_stretch,
    status=status,
    completed=RETURNED,
    invariants=(
        stock_is_where_the_status_says,
        money_is_where_the_status_says,
        the_record_says_the_truth,
        an_accepted_cancel_cancels,
        words_are_on_record,
        barriers_hold(module.RETURN_ORDER, RETURNED, ended_by_word={module.BEGIN_RETURN.name}),
    ),
    extension=OrderExtension(),
)
