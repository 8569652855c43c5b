"""Which instance a call goes to, and which none goes to any more."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infrastructure.envoy.mesh import (
    CHECK_EVERY,
    CHECK_WITHIN,
    CHECKS_FAILED,
    Balancing,
    balancing_by,
)
from tests.mesh.instances import DOWN, Mesh, Stub, listening, mesh

CALLS = 900
LEFT_WITHIN = CHECKS_FAILED * (CHECK_EVERY + CHECK_WITHIN)


def stubs(count: int = 3) -> list[Stub]:
    return [Stub(f"payment-{n}") for n in range(1, count + 1)]


class Flight:
    """The calls on their way. Those at the slowest instance wait until no other is left.

    So one instance is slower than the rest by an order of calls, not by a clock.
    """

    def __init__(self) -> None:
        self.flying = self.waiting = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """A call, from its start to its answer."""
        await self._count(1)
        try:
            yield
        finally:
            await self._count(-1)

    async def last(self) -> None:
        """Return when every call on its way waits here; one call at a time."""
        async with self._changed:
            self.waiting += 1
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self.waiting == self.flying)
            self.waiting -= 1

    async def _count(self, change: int) -> None:
        async with self._changed:
            self.flying += change
            self._changed.notify_all()


async def shares(
    found: Mesh, calls: int = CALLS, at_once: int = 12, flight: Flight | None = None
) -> Counter[str]:
    """Who answered how many of these calls."""
    limit, flight = asyncio.Semaphore(at_once), flight or Flight()
    counted: Counter[str] = Counter()

    async def one() -> None:
        async with limit, flight.call():
            status, name = await found.call()
            assert status == 200, name
            counted[name] += 1

    await asyncio.gather(*(one() for _ in range(calls)))
    return counted


@pytest.mark.parametrize("balancing", list(Balancing))
async def test_the_shares_of_three_instances_under_each_strategy(
    tmp_path: Path, balancing: Balancing
) -> None:
    """One of three answers after all others; only `least_request` minds that."""
    three, flight = stubs(), Flight()
    three[2].held = flight.last
    async with mesh(tmp_path, three, balancing) as found:
        counted = await shares(found, flight=flight)
    told = {name: f"{counted[name] / CALLS:.0%}" for name in sorted(counted)}
    print(f"{balancing}: {told}, of which payment-3 answers last")
    fast, slow = [counted["payment-1"], counted["payment-2"]], counted["payment-3"]
    if balancing is Balancing.ROUND_ROBIN:
        assert max(counted.values()) - min(counted.values()) <= CALLS * 0.05
    elif balancing is Balancing.RANDOM:  # 300 each, and a standard deviation of 14
        assert all(220 <= item <= 380 for item in counted.values())
    else:
        assert slow < min(fast) / 2


async def test_instances_come_and_go_without_a_restart_or_a_failed_call(tmp_path: Path) -> None:
    one, two, three = stubs()
    async with listening(three), mesh(tmp_path, [one, two]) as found:
        calling = asyncio.create_task(shares(found, calls=400, at_once=2))
        for item in (one, two):
            item.takes = 0.005
        found.publish([two, three])
        await found.until_healthy(2)
        before = one.calls
        counted = await calling
        assert counted["payment-3"] > 0
        assert one.calls <= before + 2  # those that were on their way
        found.publish([])
        await found.until_healthy(0)
        assert (await found.call())[0] == 503
        found.publish([one])
        await found.until_healthy(1)
        assert await found.call() == (200, "payment-1")


@pytest.mark.parametrize("how", ["hangs", "is not ready"])
async def test_an_instance_that_is_ill_is_left_out_and_comes_back(tmp_path: Path, how: str) -> None:
    one, two, three = stubs()
    async with mesh(tmp_path, [one, two, three]) as found:
        began = time.monotonic()
        one.hangs, one.well = how == "hangs", False
        await found.until_healthy(2, within=LEFT_WITHIN + 1)
        print(f"one that {how} was left out after {time.monotonic() - began:.1f} s")
        assert set(await shares(found, calls=30)) == {"payment-2", "payment-3"}
        began = time.monotonic()
        one.hangs, one.well = False, True
        await found.until_healthy(3, within=LEFT_WITHIN + 1)
        print(f"… and came back after {time.monotonic() - began:.1f} s")
        assert set(await shares(found, calls=30)) == {"payment-1", "payment-2", "payment-3"}


async def test_no_call_fails_for_an_instance_that_nobody_listens_at(tmp_path: Path) -> None:
    one, two, gone = stubs()
    async with mesh(tmp_path, [one, two]) as found:
        found.publish([one, two, gone])  # registered, and killed before its lease ended
        assert set(await shares(found, calls=60)) == {"payment-1", "payment-2"}


async def test_a_services_own_503_is_handed_on_and_puts_nobody_out(tmp_path: Path) -> None:
    """Such as: my database is away. Another instance of it has the same one."""
    both = stubs(2)
    async with mesh(tmp_path, both) as found:
        for scenario in both:
            scenario.answer = DOWN
        answers = {await found.call() for _ in range(20)}
        assert answers == {(503, "payment-1"), (503, "payment-2")}
        assert sum(scenario.calls for scenario in both) == 20  # none was tried again
        assert await found.healthy() == 2


def test_the_strategy_is_chosen_for_each_service() -> None:
    found = balancing_by({"PAYMENT_BALANCING": "least_request"}, ["user", "payment"])
    assert found == {"user": Balancing.ROUND_ROBIN, "payment": Balancing.LEAST_REQUEST}
    with pytest.raises(ValueError, match="PAYMENT_BALANCING is 'fair', not one of round_robin"):
        balancing_by({"PAYMENT_BALANCING": "fair"}, ["payment"])
