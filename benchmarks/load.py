"""Load on a subject: so many at once (closed loop), or by a schedule (open loop).

A saga that fails ends the measurement with its error: failures are quick, and would be counted as
speed.

In a closed loop a slow saga delays the next one's start, so what would have waited meanwhile is
never measured ("coordinated omission", a term of Gil Tene's). It tells throughput, and the latency
of one alone. Under load, latency comes from the open loop: each saga starts when the schedule says,
whatever became of those before it, and its latency counts from that moment.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

Run = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Sample:
    """Sagas that ended within `seconds`, and how long each took, in seconds."""

    seconds: float
    latencies: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Sagas a second."""
        return len(self.latencies) / self.seconds


async def run_closed_loop(run: Run, *, at_once: int, warmup: float, seconds: float) -> Sample:
    """Keep `at_once` of them running; count those that end in `seconds` after the warm-up."""
    now = asyncio.get_running_loop().time
    opens = now() + warmup
    closes = opens + seconds
    counted: list[float] = []

    async def one_after_the_other() -> None:
        while (began := now()) < closes:
            await run()
            if opens <= now() < closes:
                counted.append(now() - began)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_the_other())
    return Sample(seconds, tuple(counted))


async def run_alone(run: Run, *, warmup: int, count: int) -> Sample:
    """One after the other; the first ones are not counted."""
    now = asyncio.get_running_loop().time
    for _ in range(warmup):
        await run()
    taken: list[float] = []
    first = now()
    for _ in range(count):
        began = now()
        await run()
        taken.append(now() - began)
    return Sample(now() - first, tuple(taken))


async def run_by_schedule(run: Run, arrivals: Sequence[float]) -> Sample:
    """Start one at each arrival (seconds from now), and wait for all to end.

    A latency counts from the intended start, so that it holds whatever kept us from starting.
    """
    now = asyncio.get_running_loop().time
    zero = now()
    taken: list[float] = []

    async def one(arrival: float) -> None:
        await run()
        taken.append(now() - (zero + arrival))

    async with asyncio.TaskGroup() as group:
        for arrival in arrivals:
            await asyncio.sleep(max(0.0, zero + arrival - now()))
            group.create_task(one(arrival))
    return Sample(now() - zero, tuple(taken))


def draw_arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """A schedule of independent arrivals (Poisson), `rate` a second on average."""
    return list(_arrivals(rate, seconds, random.Random(seed)))  # noqa: S311 - no secret


def _arrivals(rate: float, seconds: float, dice: random.Random) -> Iterator[float]:
    at = dice.expovariate(rate)
    while at < seconds:
        yield at
        at += dice.expovariate(rate)
