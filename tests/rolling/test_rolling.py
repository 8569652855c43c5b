"""Each process is restarted in turn while orders come in steadily.

One of two (API, gateway, instance of a service, worker of a queue) is told to stop while the other
is there, finishes what it has begun, and is started again; then it is the next one's turn. A
gateway is first taken from the balancer and drained. What is there only once (relay, webhooks,
discovery, the Envoy between services; and Temporal, PostgreSQL and the provider, which are not
ours) is stopped and started in place: requests that need it meanwhile are told to come later.

No answer may be a failure, at any time, nor any connection. In the end every accepted order has
ended in truth, stock and money add up, each key finds its order again, and the customer's webhook
has heard of each end. ROLLING_RATE is how many orders come each second.
"""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx2
import pytest

from contracts.names import SERVICES
from tests.chaos.test_chaos import listed, rows
from tests.rolling.load import BY_GATEWAY, GOOD, Load, Placed
from tests.rolling.parts import Cluster, Part
from tests.support.stack import Stack, client
from tests.support.waiting import until
from tests.webhooks.parts import Receiver

pytestmark = pytest.mark.rolling

STOCK = 100_000
BETWEEN = 4  # orders that are accepted between one restart and the next
SETTLED_WITHIN = 120.0
ENDS = {"confirmed", "rejected", "cancelled", "timed_out"}
OURS_ALONE = ("relay", "webhooks", "discovery", "gateway")
NOT_OURS = ("provider", "temporal", "postgres")


async def test_apis_and_gateways_are_not_missed(
    cluster: Cluster, receiver: Receiver, rate: float
) -> None:
    """Nor does a gateway have to say that it got no answer."""

    async def restart(load: Load) -> None:
        for part in cluster.apis:
            await one(part, load)
        for entry in list(cluster.entries):
            cluster.entries.remove(entry)
            load.phase = entry.part.name
            await entry.drain()
            await one(entry.part, load)
            cluster.entries.append(entry)

    load = await under_load(cluster, receiver, rate, restart)
    assert sum(counted[BY_GATEWAY] for counted in load.counts.values()) == 0


async def test_instances_of_services_are_restarted(
    cluster: Cluster, receiver: Receiver, rate: float
) -> None:
    async def restart(load: Load) -> None:
        for name in (f"{service}-{n}" for service in SERVICES for n in (1, 2)):
            await one(cluster.of_stack(name), load)

    await under_load(cluster, receiver, rate, restart)


async def test_workers_are_restarted(cluster: Cluster, receiver: Receiver, rate: float) -> None:
    """One of each queue, and the one that has all queues."""

    async def restart(load: Load) -> None:
        for part in [*cluster.workers, cluster.of_stack("worker-1")]:
            await one(part, load)

    await under_load(cluster, receiver, rate, restart)


async def test_what_is_there_once_is_restarted(
    cluster: Cluster, receiver: Receiver, rate: float
) -> None:
    async def restart(load: Load) -> None:
        for name in (*OURS_ALONE, *NOT_OURS):
            fast = signal.SIGINT if name == "postgres" else signal.SIGTERM  # it waits for clients
            await one(cluster.of_stack(name, fast), load)

    await under_load(cluster, receiver, rate, restart)


async def under_load(
    cluster: Cluster,
    receiver: Receiver,
    rate: float,
    restart: Callable[[Load], Awaitable[None]],
) -> Load:
    """Restart these while orders come; then look at all that was promised."""
    load = await opened(cluster.stack, cluster, receiver)
    over = asyncio.Event()
    coming = asyncio.create_task(load.come(rate, over))
    try:
        await until(load.so_many_more(BETWEEN), within=SETTLED_WITHIN)
        await restart(load)
    finally:
        over.set()
        await coming
    print(f"{len(load.placed)} orders; answers while each restarts:")
    for phase, counted in load.counts.items():
        print(f"  {phase:20} {load.took.get(phase, 0):4.0f} s {dict(counted)}")
    assert load.failures == []
    assert all(counted[GOOD] for counted in load.counts.values())
    orders = await settled(cluster.stack, load)
    await keys_find_their_orders(cluster, load)
    await books_balance(cluster.stack, load, orders)
    await webhooks_were_sent(receiver, orders)
    return load


async def one(part: Part, load: Load) -> None:
    load.phase, began = part.name, time.monotonic()
    await part.restart()
    load.took[part.name] = time.monotonic() - began
    await until(load.so_many_more(BETWEEN), within=SETTLED_WITHIN)


async def opened(stack: Stack, cluster: Cluster, receiver: Receiver) -> Load:
    """A customer with a webhook, a product, and the load that they are for."""
    sku = f"ROLL-{uuid4().hex[:8]}"
    async with client(stack) as http:
        person = {"name": "Roll", "email": "roll@example.com"}
        user = (await http.post("/v1/users", json=person)).raise_for_status().json()["id"]
        price = {"minor": 500, "currency": "EUR"}
        product = {"sku": sku, "name": "Roll", "price": price, "stock": STOCK}
        (await http.post("/v1/products", json=product)).raise_for_status()
        types = [f"order.{name}" for name in ("confirmed", "rejected", "cancelled")]
        hook = {"customer_id": user, "url": receiver.url, "event_types": types}
        (await http.post("/v1/webhooks", json=hook)).raise_for_status()
    return Load(cluster.entries, stack.bearer(), user, sku)


async def settled(stack: Stack, load: Load) -> dict[str, str]:
    """The status of each order of the customer, once all have ended, by id."""
    found: dict[str, str] = {}
    async with client(stack) as http:

        async def ended() -> bool:
            orders = await listed(http, load.user)
            found.update({placed: order["status"] for placed, order in orders.items()})
            return (
                set(found) >= {placed.id for placed in load.placed} and set(found.values()) <= ENDS
            )

        await until(ended, within=SETTLED_WITHIN)
    assert set(found) == {placed.id for placed in load.placed}, "orders that nobody was told of"
    for placed in load.placed:
        fits = {"rejected", "cancelled"} if placed.declined else {"confirmed", "cancelled"}
        assert found[placed.id] in fits, (placed, found[placed.id])
    print(f"ended: {dict(Counter(found.values()))}")
    return found


async def keys_find_their_orders(cluster: Cluster, load: Load) -> None:
    """Each request that was accepted, sent once more."""
    entry = cluster.entries[0]
    limit = asyncio.Semaphore(4)
    url = f"http://127.0.0.1:{entry.port}"
    async with httpx2.AsyncClient(base_url=url, headers=load.headers, timeout=30) as http:

        async def again(order: Placed) -> None:
            async with limit:
                headers = {"Idempotency-Key": order.key}
                answer = await http.post("/v1/orders", json=order.body, headers=headers)
            assert answer.json()["id"] == order.id
            assert answer.headers["idempotent-replayed"] == "true"

        await asyncio.gather(*(again(placed) for placed in load.placed))


async def books_balance(stack: Stack, load: Load, orders: dict[str, str]) -> None:
    """Stock, and money by an audit that asks the provider."""
    confirmed = Counter(orders.values())["confirmed"]

    async def sold() -> bool:  # which follows a confirmation by a moment
        found = await rows(stack, "INVENTORY", "SELECT * FROM products")
        (product,) = [row for row in found if row["sku"] == load.sku]
        left = (product["available"], product["reserved"], product["sold"])
        return left == (STOCK - confirmed, 0, confirmed)

    await until(sold, within=SETTLED_WITHIN)
    report = await asyncio.to_thread(stack.saga, "audit", "--grace", "0")
    assert report.returncode == 0, report.stdout
    assert "It adds up." in report.stdout


async def webhooks_were_sent(receiver: Receiver, orders: dict[str, str]) -> None:
    """Each order's end, at least once, by relay, bus and webhooks that were all restarted."""

    async def all_heard() -> bool:
        heard = [json.loads(item.body)["data"] for item in receiver.accepted]
        return {(item["order_id"], item["status"]) for item in heard} >= set(orders.items())

    await until(all_heard, within=SETTLED_WITHIN)
