"""PlaceOrder as a subject: what must be true of stock, money and records, whatever happened."""

import workflows.place_order as module
from contracts.names import workflow_id
from contracts.orders import OrderStatus
from contracts.workflow_io import CancelOrder, OrderOutcome, PlaceOrderInput
from invariants.barriers import barriers_hold
from invariants.cases import OrderCase, OrderEnding
from invariants.environment import OrderWorld
from invariants.stock_and_money import (
    an_accepted_cancel_cancels,
    clear_the_shelf,
    fetch_event_types,
    money_is_conserved,
    new_order,
    stock_is_conserved,
    words_are_on_record,
)
from invariants.subjects.extension import OrderExtension
from invariants.subjects.stretch import with_stretch
from saga.verify.subject import Subject
from services.order.aggregate import CLOSING
from workflows.place_order import CREATE

CONFIRMED = OrderStatus.CONFIRMED.value
TERMINAL = {"OrderConfirmed", *CLOSING.values()}


async def make(world: OrderWorld, fast: bool) -> OrderCase:
    """An order that is about to be placed."""
    order = await new_order(world)
    argument = PlaceOrderInput(**dict(order), fast_path=fast)
    return OrderCase(workflow_id(order.order_id), argument, fast, order=order)


async def close_the_account(world: OrderWorld, case: OrderCase) -> None:
    """The customer's account is deactivated."""
    await world.services.users.deactivate(case.order.customer_id)


async def stock_is_where_the_status_says(
    world: OrderWorld, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """Sold if the order is confirmed, else back on the shelf; reserved if left to people."""
    left = not ending.left.isdisjoint({"reserve_inventory", "commit_inventory"})
    return await stock_is_conserved(world, case, sold=ending.status == CONFIRMED, reserved=left)


async def money_is_where_the_status_says(
    world: OrderWorld, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """Kept if the order is confirmed, else refunded, unless that is left to people."""
    kept = ending.status == CONFIRMED or "charge_payment" in ending.left
    return await money_is_conserved(world, case, ending, kept=kept)


async def the_record_says_the_truth(
    world: OrderWorld, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """The order has the workflow's status, was placed once, and ended once.

    It is left open if people said that they close it; if they did close it, they said why.
    """
    order = await world.services.orders.get(case.order.order_id)
    types = await fetch_event_types(world, case)
    if CREATE.name in ending.left:
        ended = [kind for kind in types if kind in TERMINAL]
        return [f"its closing is left to people, and yet there is {ended}"] if ended else []
    wrong = []
    closed_by_hand = any(
        decision.step == CREATE.name and decision.settles for decision in ending.decisions
    )
    if ending.status not in {None, order.status} and not closed_by_hand:
        wrong.append(f"the order is {order.status}, its workflow says {ending.status}")
    if order.status.is_open:
        wrong.append(f"the order is left {order.status}")
    if types.count("OrderPlaced") != 1 or sum(kind in TERMINAL for kind in types) != 1:
        wrong.append(f"the order was not placed and ended once: {types}")
    return wrong


def status(outcome: OrderOutcome) -> str:
    """What the workflow says of the order."""
    return outcome.status.value


PLACE_ORDER = Subject(
    workflow=module.PlaceOrder,
    definition=module.PLACE_ORDER,
    make=make,
    cancel=CancelOrder(),
    resolves=True,
    fast_path=True,
    stretch=with_stretch,
    status=status,
    completed=CONFIRMED,
    invariants=(
        stock_is_where_the_status_says,
        money_is_where_the_status_says,
        the_record_says_the_truth,
        an_accepted_cancel_cancels,
        words_are_on_record,
        barriers_hold(module.PLACE_ORDER, CONFIRMED),
    ),
    extension=OrderExtension(),
    refusals={"inventory.reserve": clear_the_shelf, "user.validate": close_the_account},
)
