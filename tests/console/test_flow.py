"""A live page for minutes, with a thousand orders a minute before it: does it grow, does it lag?

Orders are not placed: their events are appended to the order service's own store, by its own
rules, at the rate that is asked for. That spares the machine the sagas, which are not what is
measured; the API, its streams and the page cannot tell the difference.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, CDPSession, Page, expect

from console.pages.orders import ROWS
from contracts.base import Money, Reason
from contracts.orders import ConfirmOrder, CreateOrder, OrderLine, OrderService, OrderStatus
from saga.participant import StepKey
from tests.support.api_process import running_api_process
from tests.support.browser import visit
from tests.support.world import World

pytestmark = pytest.mark.timing
MINUTES = float(os.environ.get("CONSOLE_MINUTES", "10"))
A_MINUTE = 1000
AT_ONCE = 6  # of the pool's connections
SAMPLE = 15.0  # seconds
SETTLED = 60.0  # seconds after which the page has all that it ever shows
PRICE = Money(minor=1250, currency="EUR")


@dataclass(frozen=True)
class Sample:
    """The page at a moment, after a collection; durations count from its beginning."""

    at: float
    nodes: int
    listeners: int
    heap: float  # MB of JavaScript
    script: float  # seconds
    layout: float  # seconds, with styles
    task: float  # seconds of the main thread in all
    lag: float  # seconds from an order's record to its row


async def flow(orders: OrderService, until: float) -> int:
    """Orders at the rate, by the clock: what is late is made up for. How many there were."""
    began, placed = time.monotonic(), 0
    turns = asyncio.Semaphore(AT_ONCE)
    while time.monotonic() < until:
        due = int((time.monotonic() - began) * A_MINUTE / 60)
        await asyncio.gather(*(_one(orders, number, turns) for number in range(placed, due)))
        placed = max(placed, due)
        await asyncio.sleep(0.05)
    return placed


async def _one(orders: OrderService, number: int, turns: asyncio.Semaphore) -> None:
    """Placed, and a moment later confirmed, or rejected as one in twenty is."""
    order_id = f"ord_{uuid4().hex}"
    saga = f"order-{order_id}"
    line = OrderLine(sku="ANVIL-1", quantity=1, unit_price=PRICE)
    command = CreateOrder(
        order_id=order_id,
        customer_id=f"usr_{number % 97}",
        items=(line,),
        total=PRICE,
        payment_method="pm_card_visa",
    )
    creating, confirming = (
        StepKey(saga_id=saga, step=name) for name in ("create_order", "confirm_order")
    )
    async with turns:
        await orders.create(creating, command)
    await asyncio.sleep(0.2)  # what a saga takes
    async with turns:
        if number % 20:
            await orders.confirm(confirming, ConfirmOrder(order_id=order_id))
        else:
            why = Reason(code="out_of_stock", detail="none left")
            await orders.close(creating, command, OrderStatus.REJECTED, why)


async def look(page: Page, cdp: CDPSession, orders: OrderService, began: float) -> Sample:
    """What Chromium says of the page, after it has collected its garbage."""
    await cdp.send("HeapProfiler.collectGarbage")
    told = (await cdp.send("Performance.getMetrics"))["metrics"]
    found = {line["name"]: line["value"] for line in told}
    return Sample(
        at=time.monotonic() - began,
        nodes=int(found["Nodes"]),
        listeners=int(found["JSEventListeners"]),
        heap=found["JSHeapUsedSize"] / 1e6,
        script=found["ScriptDuration"],
        layout=found["LayoutDuration"] + found["RecalcStyleDuration"],
        task=found["TaskDuration"],
        lag=await lag(page, orders),
    )


async def lag(page: Page, orders: OrderService) -> float:
    """Seconds from an order's record to its row."""
    order_id = f"ord_{uuid4().hex}"
    line = OrderLine(sku="ANVIL-1", quantity=1, unit_price=PRICE)
    command = CreateOrder(
        order_id=order_id,
        customer_id="usr_lag",
        items=(line,),
        total=PRICE,
        payment_method="pm_card_visa",
    )
    await orders.create(StepKey(saga_id=f"order-{order_id}", step="create_order"), command)
    began = time.monotonic()
    row = await page.wait_for_selector(f'tr[data-key="{order_id}"]', state="attached")
    took = time.monotonic() - began
    assert row is not None
    await row.dispose()  # whoever holds a row keeps its nodes on the page for ever
    return took


def tell(samples: Sequence[Sample], placed: int) -> str:
    """The figures, as a table."""
    rows = ["   s  nodes  listeners  heap MB  script %  layout %  all %  lag s"]
    for before, item in pairwise(samples):
        span = item.at - before.at
        rows.append(
            f"{item.at:4.0f} {item.nodes:6} {item.listeners:10} {item.heap:8.2f}"
            f" {100 * (item.script - before.script) / span:9.2f}"
            f" {100 * (item.layout - before.layout) / span:9.2f}"
            f" {100 * (item.task - before.task) / span:6.2f} {item.lag:6.2f}"
        )
    return "\n".join([*rows, f"{placed} orders in {samples[-1].at:.0f} s"])


def middle(values: Sequence[float]) -> float:
    """The median."""
    return sorted(values)[len(values) // 2]


async def test_a_thousand_orders_a_minute_neither_grow_the_page_nor_make_it_lag(
    world: World, browser: Browser, tmp_path: Path
) -> None:
    samples: list[Sample] = []
    orders = world.services.orders
    async with running_api_process(world, tmp_path) as api:
        async with visit(browser, f"http://127.0.0.1:{api.port}") as found:
            page = found.page
            await found.goto("/console")
            await found.sign_in()
            await expect(page.get_by_role("status")).to_have_text("live")
            cdp = await page.context.new_cdp_session(page)
            await cdp.send("Performance.enable")
            began = time.monotonic()
            flowing = asyncio.create_task(flow(orders, began + 60 * MINUTES))
            while not flowing.done():
                samples.append(await look(page, cdp, orders, began))
                await asyncio.wait({flowing}, timeout=SAMPLE)
            rows = await page.locator("#orders tr").count()
    placed = flowing.result()
    print("", tell(samples, placed), sep="\n")
    assert placed >= 0.98 * A_MINUTE * MINUTES
    assert rows == ROWS
    later = [sample for sample in samples if sample.at > SETTLED]
    half = len(later) // 2
    first, last = later[:half], later[half:]
    assert middle([row.nodes for row in last]) <= 1.02 * middle([row.nodes for row in first]) + 20
    assert middle([row.listeners for row in last]) <= middle([row.listeners for row in first])
    assert middle([row.heap for row in last]) <= middle([row.heap for row in first]) + 0.5
    whole = later[-1].at - later[0].at
    assert (later[-1].script - later[0].script) / whole < 0.05
    assert (later[-1].task - later[0].task) / whole < 0.25
    assert middle([item.lag for item in later]) < 1.5
