"""The proofs: nothing is lost when instances die or hang, or when what they need is away.

All is seen from outside: by the orders' statuses, by Envoy's own counts of where calls went, and by
a relay before the payment provider. Figures are printed.
"""

import asyncio
import json
import os
import signal
import time

import pytest

from infrastructure.envoy.mesh import CHECK_EVERY, CHECK_WITHIN, CHECKS_FAILED
from infrastructure.http.circuit_breaker import Limits
from tests.support.waiting import until
from tests.topology.conftest import PAYMENTS, Split
from tests.topology.envoy import SAMPLED_EVERY, Traffic, calls, watching
from tests.topology.shop import Shop

pytestmark = pytest.mark.topology

ORDERS = 300
STOPPED_FOR = 12.0
LEFT_WITHIN = CHECKS_FAILED * (CHECK_EVERY + CHECK_WITHIN)
BACK_WITHIN = 10.0
HEALED_WITHIN = 150.0
DURING_OUTAGE = 60  # orders
SETTLED = Limits().period  # by then each process has noticed the outage


async def test_all_instances_are_registered_and_listed(split: Split) -> None:
    async def listed() -> set[str]:
        said = await asyncio.to_thread(split.stack.saga, "services", "--json")
        assert said.returncode == 0, said.stderr
        return {load["instance"] for load in json.loads(said.stdout)}

    payments = {f"payment-{n}" for n in range(1, PAYMENTS + 1)}
    assert await listed() == {"user-1", "order-1", "inventory-1"} | payments


async def test_the_demo_passes(split: Split) -> None:
    shown = await asyncio.to_thread(split.stack.saga, "demo")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "It adds up." in shown.stdout


async def test_no_order_is_lost_when_one_instance_is_killed_and_one_hangs(split: Split) -> None:
    shop = await split.shop()
    killed, stopped = split.port("payment-1"), split.port("payment-2")
    async with watching(split.stack, "payment") as traffic:
        began = time.monotonic()
        placing = asyncio.create_task(shop.place(ORDERS))
        await shop.until_accepted(ORDERS // 6)
        disturbed = time.monotonic()
        split.stack.kill("payment-1")
        pid = split.stack.child("payment-2").pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(STOPPED_FOR)
        resumed = time.monotonic()
        os.kill(pid, signal.SIGCONT)
        await placing
        ended = await shop.ended(HEALED_WITHIN)
        took = time.monotonic() - began
        print(f"{ORDERS} orders: {dict(ended)} after {took:.1f} s, {ORDERS / took:.1f} a second")
        assert ended == {"confirmed": ORDERS}
        await all_have_traffic_again(split, traffic, resumed)
        check_who_had_traffic(traffic, stopped, killed, disturbed, resumed)
        await print_shares(split, traffic)


async def all_have_traffic_again(split: Split, traffic: Traffic, resumed: float) -> None:
    """Both that were away are led to again; a few orders more, in case the others are done."""
    shop = await split.shop()

    async def back() -> bool:
        await shop.place(3)
        away = (split.port("payment-1"), split.port("payment-2"))
        return all(traffic.first_after(item, resumed) is not None for item in away)

    await until(back, within=BACK_WITHIN)
    assert await shop.ended(HEALED_WITHIN) == {"confirmed": len(shop.accepted)}


def check_who_had_traffic(
    traffic: Traffic, stopped: int, killed: int, disturbed: float, resumed: float
) -> None:
    left = traffic.last_before(stopped, resumed) - disturbed
    back = (traffic.first_after(stopped, resumed) or 0) - resumed
    print(
        f"stopped: no call {max(left, 0):.1f} s after it was; again {back:.1f} s after it went on"
    )
    assert left <= LEFT_WITHIN + SAMPLED_EVERY + 1
    # The supervisor starts it again in seconds, and only then may it have calls again.
    again = traffic.first_after(killed, disturbed + SAMPLED_EVERY)
    assert again is not None
    print(f"killed: called again {again - disturbed:.1f} s after it was")


async def print_shares(split: Split, traffic: Traffic) -> None:
    names = [f"payment-{n}" for n in range(1, PAYMENTS + 1)]
    counted = {name: traffic.between(split.port(name), 0, time.monotonic()) for name in names}
    total = sum(counted.values())
    shares = {item: f"{count} ({count / total:.0%})" for item, count in counted.items()}
    print(f"calls of each instance: {shares}")
    assert all(counted.values())


async def test_the_provider_is_left_alone_while_it_is_down_and_no_order_is_lost(
    split: Split, outage: float
) -> None:
    shop = await split.shop()
    placing = asyncio.create_task(shop.place(DURING_OUTAGE))
    await shop.until_accepted(DURING_OUTAGE // 4)
    split.provider.cut()
    cut = time.monotonic()
    await asyncio.sleep(outage)
    mended = time.monotonic()
    split.provider.mend()
    tried, probes = (split.provider.tried_since(item) for item in (cut, cut + SETTLED))
    print(
        f"provider down for {outage:g} s: {tried} calls, {probes} of them after {SETTLED:g} s, by "
        f"{PAYMENTS} processes for {DURING_OUTAGE} orders"
    )
    await _confirmed(shop, placing, mended)
    assert tried > Limits().threshold, "it was not missed"
    assert probes <= PAYMENTS * _most_probes(outage)


async def test_the_inventory_is_left_alone_while_it_hangs_and_no_order_is_lost(
    split: Split, outage: float
) -> None:
    shop = await split.shop()
    placing = asyncio.create_task(shop.place(DURING_OUTAGE))
    await shop.until_accepted(DURING_OUTAGE // 4)
    pid = split.stack.child("inventory-1").pid
    assert pid is not None
    before = await calls(split.stack, "inventory")
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(SETTLED)
    settled = await calls(split.stack, "inventory")
    await asyncio.sleep(outage - SETTLED)
    after = await calls(split.stack, "inventory")
    os.kill(pid, signal.SIGCONT)
    mended = time.monotonic()
    print(
        f"inventory hung for {outage:g} s: {after - before} calls, {after - settled} of them after "
        f"{SETTLED:g} s, by 2 processes for {DURING_OUTAGE} orders"
    )
    await _confirmed(shop, placing, mended)
    assert after > before, "it was not missed"
    assert after - settled <= 2 * _most_probes(outage)  # of the API, and of a worker


async def _confirmed(shop: Shop, placing: "asyncio.Task[None]", mended: float) -> None:
    await placing
    ended = await shop.ended(HEALED_WITHIN)
    print(f"… all ended {time.monotonic() - mended:.1f} s after it was back: {dict(ended)}")
    assert ended == {"confirmed": DURING_OUTAGE}


def _most_probes(outage: float) -> float:
    """Of one process, from when it has noticed until the end."""
    return (outage - SETTLED) / Limits().recovery + 1
