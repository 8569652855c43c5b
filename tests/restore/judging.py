"""What must be true when a database has gone back and the audit has looked."""

from collections.abc import Mapping

from activities.executions import describe
from contracts.names import return_id, workflow_id
from contracts.orders import OrderStatus
from tests.restore.recording import Stand, stand
from tests.restore.shop import MINOR, QUANTITY, Drilled
from tests.support.world import World

TOTAL = QUANTITY * MINOR
OPEN = {OrderStatus.PENDING, OrderStatus.BLOCKED}
UNPAID = {OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.TIMED_OUT}


def undone(order: Drilled, before: Stand, now: Stand, restored: str) -> list[str]:
    """What was taken from an order that was confirmed: money or goods.

    Not of one that is being returned. Goods that the restored database never knew of are not taken.
    """
    if before.status is not OrderStatus.CONFIRMED or order.kind.returns:
        return []
    wrong = []
    if (now.captured, now.refunded) != (TOTAL, 0):
        wrong.append(f"captured {now.captured}, refunded {now.refunded}")
    if restored != "inventory" and now.reserved + now.sold != QUANTITY:
        wrong.append(f"{now.reserved} pieces reserved, {now.sold} sold")
    if now.status in UNPAID:
        wrong.append(f"its record says {now.status}")
    return [f"{order} was confirmed: {finding}" for finding in wrong]


def amiss(order: Drilled, before: Stand, now: Stand) -> str | None:
    """What does not fit together of this order, if no saga is at work on it."""
    has = (now.captured - now.refunded, now.reserved, now.sold)
    if now.status is OrderStatus.CONFIRMED:
        true = has == (TOTAL, 0, QUANTITY)
    else:
        true = now.status not in OPEN and has == (0, 0, 0)
    if true and as_was_told(order, before.status, now.status):
        return None
    return f"{order}: before {before}, now {now}"


def as_was_told(order: Drilled, before: OrderStatus | None, now: OrderStatus | None) -> bool:
    """Whether an end that was told is still the end; one that held nothing may be forgotten."""
    if before is None or before in OPEN or now is before:
        return True
    if before is OrderStatus.CONFIRMED:
        return order.kind.returns and now is OrderStatus.RETURNED
    return before in UNPAID and now is None


async def at_work(world: World, order: Drilled) -> bool:
    """Whether a saga of the order runs: it goes on by itself, or waits for an operator."""
    for saga_id in (workflow_id(order.id), return_id(order.id)):
        found = await describe(world.client, saga_id)
        if found is not None and found.is_open:
            return True
    return False


async def stands_now(world: World, orders: Mapping[str, Drilled]) -> dict[str, Stand]:
    """How each stands."""
    return {key: await stand(world, order) for key, order in orders.items()}
