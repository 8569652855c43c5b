"""The provider is away for two minutes at full load: few sagas pile up, and all of them settle.

STORM_OUTAGE is how many seconds it is away, STORM_PICTURE a file for the picture of it.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from api.overload.load_shedding import Window
from contracts.names import workflow_id
from tests.sandbox.process import KEY, running_sandbox
from tests.storm.arrivals import OPEN, Arrivals
from tests.storm.picture import drawn
from tests.support.faulty import FaultyWay, faulty_way
from tests.support.stack import Stack, client, running_stack
from tests.support.waiting import until
from tests.topology.shop import ENDS

pytestmark = pytest.mark.storm

MOST_OPEN = 80
WARM_UP, CALM = 8, 8  # seconds: to find out what full load is, and of it before the outage
SHARE = 0.8  # of what the stack can do: the load is full, and not more than full
# Above the bound: what is admitted in the second between two looks, and the customer's cancels.
OVERRUN = 1.25
UNDONE_WITHIN = 30  # seconds after the provider is back; a compensation waits 15 s at the most
SETTLED_WITHIN = 60


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[tuple[Stack, FaultyWay]]:
    async with running_sandbox(tmp_path) as sandbox, faulty_way(sandbox.port) as way:
        environment = {
            "PAYMENT_PROVIDER_URL": f"http://127.0.0.1:{way.port}",
            "PAYMENT_PROVIDER_KEY": KEY,
            "MOST_OPEN_SAGAS": str(MOST_OPEN),
        }
        async with running_stack(tmp_path, environment=environment) as stack:
            yield stack, way


async def arrivals(stack: Stack) -> Arrivals:
    async with client(stack) as http:
        person = {"name": "Storm", "email": "storm@example.com"}
        user = (await http.post("/v1/users", json=person)).raise_for_status().json()["id"]
        price = {"minor": 500, "currency": "EUR"}
        product = {"sku": "STORM-1", "name": "Thing", "price": price, "stock": 10**6}
        (await http.post("/v1/products", json=product)).raise_for_status()
    temporal = await Client.connect(stack.state.urls["temporal"])
    return Arrivals(stack, temporal, user, "STORM-1")


async def test_a_storm_is_bounded_and_settles(shop: tuple[Stack, FaultyWay]) -> None:
    stack, provider = shop
    outage = float(os.environ.get("STORM_OUTAGE") or 120)
    orders = await arrivals(stack)
    rate = SHARE * await orders.full_load(WARM_UP)
    over, seen = asyncio.Event(), asyncio.Event()
    orders.began = time.monotonic()
    coming = asyncio.create_task(orders.come(rate, over))
    watching = asyncio.create_task(orders.watch(seen))
    await asyncio.sleep(CALM)
    before = orders.refused
    provider.cut()
    cut, orders.cancelling = orders.now, True
    await asyncio.sleep(outage)
    statuses = await orders.statuses()
    at_work = len(orders.accepted) - sum(statuses[ending] for ending in ENDS)
    provider.mend()
    mended, orders.cancelling = orders.now, False
    in_outage = orders.refused - before
    undone, settled = await asyncio.gather(undone_at(orders, mended), drained(orders, mended))
    await asyncio.sleep(CALM)  # and new orders are taken again
    over.set()
    await coming
    await all_ended(orders)
    seen.set()
    await watching
    keep(orders, cut, mended)
    peak = max(sample.open for sample in orders.samples)
    ends = await orders.statuses()
    print(
        f"{rate:.1f} orders a second; provider away for {outage:g} s: at most {peak} sagas open, "
        f"{at_work} when it came back, {in_outage} orders refused. {len(orders.cancelled)} were "
        f"cancelled meanwhile, and undone {undone:.1f} s after it was back; all that were open "
        f"then had settled after {settled:.1f} s. {dict(ends)}"
    )
    assert peak <= MOST_OPEN * OVERRUN
    assert in_outage > 0, "no order was told to come later"
    assert at_work > 0, "no saga met the outage"
    assert orders.cancelled, "nothing was undone"
    assert undone <= UNDONE_WITHIN
    assert settled <= SETTLED_WITHIN
    assert orders.samples[-1].window > Window.least
    assert set(ends) <= {"confirmed", "cancelled"}
    assert ends["cancelled"] == len(orders.cancelled)
    assert ends["confirmed"] == len(orders.accepted) - len(orders.cancelled)
    await books_balance(stack, ends["confirmed"])


async def undone_at(orders: Arrivals, mended: float) -> float:
    """Seconds from then until the last of the cancelled was undone, by Temporal's own times."""
    ends = []
    for order_id in orders.cancelled:
        handle = orders.temporal.get_workflow_handle(workflow_id(order_id))
        async with asyncio.timeout(SETTLED_WITHIN):
            await handle.result()
        closed = (await handle.describe()).close_time
        assert closed is not None
        ends.append(closed.timestamp() - time.time() + orders.now - mended)
    return max(0.0, *ends) if ends else 0.0


async def drained(orders: Arrivals, mended: float) -> float:
    """Seconds from then until no saga is open that began before."""
    old = set(orders.accepted)
    while True:
        still = {execution.id async for execution in orders.temporal.list_workflows(OPEN)}
        if not {workflow_id(item) for item in old} & still:
            return orders.now - mended
        assert orders.now - mended < SETTLED_WITHIN, f"{len(still)} are still open"
        await asyncio.sleep(0.5)


async def all_ended(orders: Arrivals) -> None:
    async def so() -> bool:
        statuses = await orders.statuses()
        return sum(statuses[ending] for ending in ENDS) == len(orders.accepted)

    await until(so, within=SETTLED_WITHIN)


async def books_balance(stack: Stack, confirmed: int) -> None:
    """Stock is sold for what was confirmed and free otherwise; captured money likewise."""
    async with client(stack) as http:
        product = (await http.get("/v1/products/STORM-1")).json()
    assert (product["sold"], product["reserved"]) == (confirmed, 0)
    # In a thread: the way to the provider, which the audit asks, is kept open by this loop.
    report = await asyncio.to_thread(stack.saga, "audit", "--grace", "0")
    assert report.returncode == 0, report.stdout
    assert "It adds up." in report.stdout


def keep(orders: Arrivals, cut: float, mended: float) -> None:
    if picture := os.environ.get("STORM_PICTURE"):
        Path(picture).write_text(drawn(orders.samples, cut, mended))
