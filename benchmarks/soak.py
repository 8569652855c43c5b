"""A long run at half of saturation: memory, latencies and tables, slice by slice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from benchmarks import load
from benchmarks.counters import wait_for_statistics
from benchmarks.data import table_growth
from benchmarks.environment import BenchEnvironment
from benchmarks.stats import Latency, slope
from benchmarks.subjects.subject import Subject
from benchmarks.usage import kind_of, usages

AT_ONCE = 16
SLICES = 20
MIB = 2**20


class Slice(BaseModel, frozen=True):
    """One part of the run: when it ended (minutes), its latencies, and memory in MiB."""

    minutes: float
    latency: Latency
    memory: dict[str, float]


class SoakResult(BaseModel, frozen=True):
    """The whole run. `memory_slopes` are MiB a minute, over its second half; `rows` per order."""

    rate: float
    orders: int
    slices: list[Slice]
    memory_slopes: dict[str, float]
    rows: dict[str, float]


@dataclass
class SoakTest:
    """Soaks one subject on a running stack. `tell` hears what is going on."""

    bench: BenchEnvironment
    subject: Subject
    tell: Callable[[str], None]
    _slices: list[Slice] = field(default_factory=list)

    async def run(self, minutes: float) -> SoakResult:
        """Find the saturation, then go on at half of it for so many minutes."""
        self.tell("looking for the saturation")
        found = await load.run_closed_loop(self._one, at_once=AT_ONCE, warmup=5, seconds=10)
        rate = found.rate / 2
        before = await self._rows()
        orders = await self._soak(rate, minutes)
        after = await self._rows()
        return SoakResult(
            rate=rate,
            orders=orders,
            slices=self._slices,
            memory_slopes=slopes(self._slices),
            rows={name: (rows - before.get(name, 0)) / orders for name, rows in after.items()},
        )

    async def _soak(self, rate: float, minutes: float) -> int:
        orders, length = 0, minutes / SLICES
        for number in range(1, SLICES + 1):
            self.tell(f"soaking at {rate:.1f} a second: slice {number} of {SLICES}")
            arrivals = load.draw_arrivals(rate, 60 * length, seed=number)
            sample = await load.run_by_schedule(self._one, arrivals)
            orders += len(sample.latencies)
            latency = Latency.of(sample.latencies)
            at = number * length
            self._slices.append(Slice(minutes=at, latency=latency, memory=self._memory()))
        return orders

    async def _one(self) -> None:
        await self.subject.run()

    def _memory(self) -> dict[str, float]:
        pids = self.bench.pids
        serving = {key: pid for key, pid in pids.items() if kind_of(key) in self.subject.processes}
        return {name: usage.memory / MIB for name, usage in usages(serving).items()}

    async def _rows(self) -> dict[str, int]:
        self.tell("counting rows")
        await wait_for_statistics()
        urls = {
            database: self.bench.superuser_url(database) for database in table_growth.databases()
        }
        return {name: count.rows for name, count in (await table_growth.counts(urls)).items()}


def slopes(slices: Sequence[Slice]) -> dict[str, float]:
    """By process, over the second half: pools, caches and heaps have filled by then."""
    late = slices[len(slices) // 2 :]
    minutes = [sample.minutes for sample in late]
    return {
        name: slope(minutes, [sample.memory[name] for sample in late]) for name in late[-1].memory
    }
