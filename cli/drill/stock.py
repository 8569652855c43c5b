"""Stock that an order should have given back: the count on record was wrong for a while."""

from cli.drill.drill import Drill
from cli.drill.incident import Incident
from cli.drill.practice_stack import QUANTITY, PracticeStack

STEP = "reserve_inventory"
SHIFT = "UPDATE products SET available = available + $2, reserved = reserved - $2 WHERE sku = $1"


async def _stick(stack: PracticeStack) -> Incident:
    """Cancel an order while somebody has set the count of its product back by hand."""
    placed = stack.place("pm_sandbox_down")  # its charge takes no end, so its stock stays reserved
    await stack.until_reserved(placed)
    await stack.query("inventory", SHIFT, placed.sku, QUANTITY)
    try:
        stack.api.post(f"/v1/orders/{placed.order_id}/cancel", {"reason": "changed my mind"})
        await stack.until_status(placed.order_id, "blocked")
    finally:
        await stack.query("inventory", SHIFT, placed.sku, -QUANTITY)
    return Incident(drill=STUCK_STOCK.name, **placed._asdict())


async def _release(stack: PracticeStack, made: Incident) -> None:
    if stack.find_trouble(made.order_id):
        path = f"/v1/sagas/{made.saga_id}/steps/{STEP}/resolve"
        stack.api.post(path, {"action": "retry"})
    await stack.until_status(made.order_id, "cancelled")


STUCK_STOCK = Drill(
    name="stuck-stock",
    page="docs/runbooks/blocked.md",
    happens="a cancelled order keeps its pieces, since the inventory refused to take them back",
    seen="The alert SagaBlocked fires. The warehouse calls: “Two pieces are set aside for "
    "{order_id}, which was cancelled.” Their count was wrong then; they have put it right since.",
    make=_stick,
    put_back=_release,
    ends=frozenset({"cancelled"}),
)
