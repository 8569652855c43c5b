"""What must be true when all sagas have ended: pieces and money are where the orders say."""

from collections import Counter
from collections.abc import Iterator

import httpx2

from tests.isolation.findings import Finding
from tests.isolation.recording import Recording
from tests.support.stack import Stack

OPEN = {"pending", "blocked"}
CONFIRMED = "confirmed"
STATUS_AFTER = {
    "OrderPlaced": "pending",
    "OrderConfirmed": CONFIRMED,
    "OrderReturned": "returned",
    "OrderRejected": "rejected",
    "OrderCancelled": "cancelled",
    "OrderTimedOut": "timed_out",
    "StepBlocked": "blocked",
}


def count_endings(recording: Recording) -> Counter[str]:
    """How many orders stand how."""
    return Counter(_statuses(recording).values())


async def find_broken_rules(recording: Recording, stack: Stack) -> list[Finding]:
    """Rules of the shop that hold whatever the order of its sagas."""
    broken = [*_check_orders(recording), *_check_stock(recording)]
    broken += await _check_money(recording, stack)
    return [Finding(None, (), (), (), (said,)) for said in broken]


def _check_orders(recording: Recording) -> Iterator[str]:
    """Each that was accepted has ended."""
    statuses = _statuses(recording)
    for order_id in recording.orders:
        if statuses.get(order_id, "pending") in OPEN:
            yield f"order {order_id} is left {statuses.get(order_id)}"


def _check_stock(recording: Recording) -> Iterator[str]:
    """What confirmed orders have of a product is sold, nothing is reserved, the rest is there."""
    sold, statuses = Counter[str](), _statuses(recording)
    for change in recording.list_rows("ORDER", "events"):
        event = change.new
        if event["type"] == "ItemAdded" and statuses[event["stream_id"]] == CONFIRMED:
            sold[event["data"]["sku"]] += event["data"]["quantity"]
    last = {each.new["sku"]: each.new for each in recording.list_rows("INVENTORY", "products")}
    for sku, row in last.items():
        found = (row["available"], row["reserved"], row["sold"])
        right = (row["stocked"] - sold[sku], 0, sold[sku])
        if found != right:
            yield f"{sku}: available, reserved and sold are {found}, not {right}"
    yield from _check_restocks(recording)


def _check_restocks(recording: Recording) -> Iterator[str]:
    """Each answer to whoever brought new pieces is a row's change, and the other way round."""
    asked = Counter(
        op.told["stocked"] for op in recording.log if op.kind == "restock" and op.status == 200
    )
    rows = recording.list_rows("INVENTORY", "products")
    done = Counter(
        change.new["stocked"]
        for change in rows
        if change.old is not None and change.old["stocked"] != change.new["stocked"]
    )
    if asked != done:
        yield f"stock came {done.total()} times, and {asked.total()} were told so"


async def _check_money(recording: Recording, stack: Stack) -> list[str]:
    """The provider keeps what confirmed orders cost, and no more."""
    environment = stack.state.environment
    headers = {"Authorization": f"Bearer {environment['PAYMENT_PROVIDER_KEY']}"}
    url = environment["PAYMENT_PROVIDER_URL"]
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
        ledger = (await http.get("/ledger")).json()
    kept = ledger["captured"].get("eur", 0) - ledger["refunded"].get("eur", 0)
    statuses = _statuses(recording)
    cost = sum(
        change.new["data"]["total"]["minor"]
        for change in recording.list_rows("ORDER", "events")
        if change.new["type"] == "OrderPlaced" and statuses[change.new["stream_id"]] == CONFIRMED
    )
    return [] if kept == cost else [f"{kept} is kept of orders that cost {cost}"]


def _statuses(recording: Recording) -> dict[str, str]:
    found: dict[str, str] = {}
    for change in recording.list_rows("ORDER", "events"):
        order_id, event = change.new["stream_id"], change.new["type"]
        found[order_id] = STATUS_AFTER.get(event, found.get(order_id, "pending"))
    return found
