"""Kill -9 of workers, API, PostgreSQL and Temporal at random, during 200 orders.

And again, for a shorter time, with services as processes of their own, which are killed too, and so
is the Envoy between them.

What is checked afterwards comes from the databases and the provider's ledger, not from logs: every
accepted order has ended, stock and money are conserved, nobody was charged twice. The seed is
printed; CHAOS_SEED repeats the choices, though not the moments at which processes meet them.
"""

import asyncio
import contextlib
import itertools
import os
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from contracts.names import order_of
from tests.chaos.crowd import PRICE, STOCK, Crowd
from tests.support.stack import Stack, client, running_stack
from tests.support.standing import describe_pending
from tests.support.waiting import until

AFTER_HEALING = 20
WORKERS = 3
KINDS = ("worker", "api", "postgres", "temporal")
INSTANCES = ("user-1", "order-1", "inventory-1", "payment-1", "payment-2")
SPLIT = ("--topology", "services", "--scale", "payment=2")
BETWEEN_KILLS = 3.0
AT_ONCE = 8
PAUSE = 0.5  # seconds: some hundreds of orders during all kills, on a fast machine too
HEAL_WITHIN = 60.0
ENDS = {"confirmed", "rejected", "cancelled", "timed_out"}

pytestmark = pytest.mark.chaos


@dataclass(frozen=True)
class Storm:
    """What is killed, how often each, and during how many orders at least."""

    orders: int
    each: int
    kinds: tuple[str, ...] = KINDS
    options: tuple[str, ...] = ()


IN_ONE = Storm(orders=200, each=4)
IN_SERVICES = Storm(orders=100, each=2, kinds=(*KINDS, "service", "gateway"), options=SPLIT)


@pytest.mark.parametrize("plan", [IN_ONE, IN_SERVICES], ids=["monolith", "services"])
async def test_nothing_is_lost_or_doubled_when_anything_is_killed(
    tmp_path: Path, plan: Storm
) -> None:
    async with running_stack(tmp_path, workers=WORKERS, options=plan.options) as stack:
        await survives(stack, plan)


async def survives(stack: Stack, plan: Storm) -> None:
    """Storm it, and see from its databases and the ledger that nothing is lost or doubled."""
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
    print(f"CHAOS_SEED={seed}")
    crowd = Crowd(stack, random.Random(seed))
    await crowd.seed()
    kills = await storm(stack, crowd, random.Random(seed), plan)
    healed = time.monotonic()
    await until(lambda: healthy(stack), within=HEAL_WITHIN)
    orders = await all_ended(stack, crowd)
    print(f"kills {dict(kills)}; all ended {time.monotonic() - healed:.1f} s after the last")
    endings = Counter(order["status"] for order in orders.values())
    print(f"endings {dict(endings)}")
    placed = sum(endings.values())
    assert placed == len(crowd.accepted) >= plan.orders
    assert min(kills[kind] for kind in plan.kinds) >= plan.each
    undone = placed - endings["confirmed"]
    assert undone >= placed // 10, "too few compensations to prove much"
    await orders_after_healing_succeed(stack, crowd)
    await check_books(stack, crowd)


async def storm(stack: Stack, crowd: Crowd, choice: random.Random, plan: Storm) -> Counter[str]:
    """Place orders for as long as processes die; how often each kind was killed."""
    numbers, over = itertools.count(), asyncio.Event()

    async def place() -> None:
        while (number := next(numbers)) < plan.orders or not over.is_set():
            await crowd.place(f"chaos-{number}")
            await asyncio.sleep(PAUSE)

    placing = asyncio.gather(*(place() for _ in range(AT_ONCE)))
    kills: Counter[str] = Counter()
    while (fewest := min(kills[kind] for kind in plan.kinds)) < plan.each:
        assert not placing.done(), placing.exception()
        kind = choice.choice([sort for sort in plan.kinds if kills[sort] == fewest])
        some = {"worker": [f"worker-{n}" for n in range(1, WORKERS + 1)], "service": INSTANCES}
        name = choice.choice(some.get(kind, [kind]))
        if stack.child(name).alive:
            stack.kill(name)
            kills[kind] += 1
        await asyncio.wait({placing}, timeout=BETWEEN_KILLS * choice.uniform(0.4, 1.6))
    over.set()
    await placing
    return kills


async def healthy(stack: Stack) -> bool:
    return stack.state.healthy


async def all_ended(stack: Stack, crowd: Crowd) -> dict[str, dict[str, Any]]:
    """Every accepted order, once all have ended and their sagas too."""
    accepted = set(crowd.accepted.values())
    orders: dict[str, dict[str, Any]] = {}
    async with client(stack) as http:

        async def ended() -> bool:
            with contextlib.suppress(httpx2.HTTPError):
                orders.update(await listed(http, crowd.user))
            return {
                placed for placed, order in orders.items() if order["status"] in ENDS
            } == accepted

        async def closed() -> bool:
            found = await rows(stack, "INVENTORY", "SELECT sum(reserved) AS held FROM products")
            return bool(found[0]["held"] == 0)

        try:
            await until(ended, within=HEAL_WITHIN)
            await until(closed, within=HEAL_WITHIN)  # a confirmed order's stock is sold a bit later
        except TimeoutError:
            left = {item: orders.get(item, {}).get("status") for item in accepted}
            open_ones = {row: status for row, status in left.items() if status not in ENDS}
            waits = await describe_pending(stack.state.urls["temporal"], open_ones)
            waits += await on_record(stack, set(open_ones))
            pytest.fail(f"not ended {HEAL_WITHIN} s after healing: {open_ones}\n{waits}")
    return orders


async def listed(http: httpx2.AsyncClient, user: str) -> dict[str, dict[str, Any]]:
    """All recorded orders of the customer, by id."""
    found: dict[str, dict[str, Any]] = {}
    query: dict[str, Any] | None = {"customer_id": user, "limit": 100}
    while query:
        page = (await http.get("/v1/orders", params=query)).raise_for_status().json()
        found |= {item["id"]: item for item in page["items"]}
        query = query | {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    return found


async def on_record(stack: Stack, orders: set[str]) -> str:
    """What the services' own databases have of these orders, whatever the API says of them."""
    lines = []
    for service in ("ORDER", "INVENTORY", "PAYMENT"):
        found = await rows(stack, service, "SELECT * FROM barrier ORDER BY created_at")
        lines += [f"{service} {dict(row)}" for row in found if order_of(row["saga_id"]) in orders]
    found = await rows(stack, "ORDER", "SELECT id, status, version FROM orders")
    lines += [f"ORDER {dict(row)}" for row in found if row["id"] in orders]
    return "\n".join(lines)


async def orders_after_healing_succeed(stack: Stack, crowd: Crowd) -> None:
    """The system is as good as new, not merely quiet."""
    async with client(stack) as http:
        for sku in crowd.skus:
            await http.post(f"/v1/products/{sku}/stock", json={"quantity": AFTER_HEALING * 2})
    placing = (crowd.place(f"healed-{n}", "pm_card_visa") for n in range(AFTER_HEALING))
    healed = await asyncio.gather(*placing)
    orders = await all_ended(stack, crowd)
    assert {orders[order_id]["status"] for order_id in healed} == {"confirmed"}


async def check_books(stack: Stack, crowd: Crowd) -> None:
    """Stock, money and barriers, from the databases and the provider."""
    orders = await all_ended(stack, crowd)
    confirmed = [placed for placed in orders.values() if placed["status"] == "confirmed"]
    sold = Counter[str]()
    for order in confirmed:
        sold.update({item["sku"]: item["quantity"] for item in order["items"]})
    products = await rows(stack, "INVENTORY", "SELECT * FROM products")
    for product in products:
        assert product["available"] + product["reserved"] + product["sold"] == product["stocked"]
        assert (product["reserved"], product["sold"]) == (0, sold[product["sku"]])
        assert product["stocked"] == STOCK + AFTER_HEALING * 2
    await check_money(stack, orders)
    for service in ("ORDER", "INVENTORY"):
        begun = await rows(stack, service, "SELECT * FROM barrier WHERE state = 'started'")
        assert begun == []
    assert await rows(stack, "ORDER", "SELECT id FROM orders WHERE status = 'pending'") == []


async def check_money(stack: Stack, orders: dict[str, dict[str, Any]]) -> None:
    """What was kept is what confirmed orders cost, order by order; at most one capture each."""
    environment = stack.state.environment
    headers = {"Authorization": f"Bearer {environment['PAYMENT_PROVIDER_KEY']}"}
    url = environment["PAYMENT_PROVIDER_URL"]
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        whole = (await http.get("/ledger")).json()
        assert whole["balanced"]
        kept = whole["captured"].get("eur", 0) - whole["refunded"].get("eur", 0)
        cost = sum(
            placed["total"]["minor"]
            for placed in orders.values()
            if placed["status"] == "confirmed"
        )
        assert kept == cost
        assert kept % PRICE["minor"] == 0
        for order_id, order in orders.items():
            ledger = (await http.get("/ledger", params={"order": order_id})).json()
            kinds = Counter(entry["kind"] for entry in ledger["entries"])
            assert kinds["capture"] <= 1
            if order["status"] == "confirmed":
                assert kinds == {"capture": 1}
            else:
                assert kinds["refund"] == kinds["capture"]


async def rows(stack: Stack, service: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.state.environment[f"{service}_DATABASE_URL"])
    try:
        found: list[asyncpg.Record] = await connection.fetch(query)
        return found
    finally:
        await connection.close()
