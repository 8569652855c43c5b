"""One run: warm up, then in each round every subject at saturation, alone, and at half load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import load
from benchmarks.environment import BenchEnvironment
from benchmarks.load import Sample
from benchmarks.report.result import HARNESS, Turn
from benchmarks.rounds import interleave
from benchmarks.subjects.subject import Subject
from benchmarks.usage import Usage, compute_cpu_spent, kind_of, own_usage, sum_by_kind, usages

AT_ONCE = (8, 24)


@dataclass(frozen=True)
class BenchOptions:
    """How much is measured. `seconds` is the length of each measurement under load."""

    rounds: int = 5
    seconds: float = 4.0
    warmup: float = 1.5
    alone: int = 16
    at_once: Sequence[int] = AT_ONCE
    half: bool = True
    count: bool = True  # transactions too, which takes ten seconds a subject


QUICK = BenchOptions(rounds=1, seconds=1.0, warmup=0.5, alone=2, at_once=(4,), count=False)


@dataclass
class Measurement:
    """Measures subjects on a running stack. `tell` hears what is going on."""

    bench: BenchEnvironment
    options: BenchOptions
    tell: Callable[[str], None]
    at_once: dict[str, int] = field(default_factory=dict)

    async def rounds(self, subjects: Sequence[Subject]) -> list[Turn]:
        """All turns, interleaved."""
        for subject in subjects:
            self.at_once[subject.name] = await self._saturation(subject)
        return [
            await self._turn(number, subject)
            for number, subject in interleave(subjects, self.options.rounds)
        ]

    async def _saturation(self, subject: Subject) -> int:
        """With how many at once it gets the most done. Warms everything up on the way."""
        if len(self.options.at_once) == 1:
            return self.options.at_once[0]
        rates: dict[int, float] = {}
        for at_once in self.options.at_once:
            self.tell(f"warming up: {subject.title}, {at_once} at once")
            sample, _ = await self._measure_load(subject, at_once)
            rates[at_once] = sample.rate
        return max(rates, key=rates.__getitem__)

    async def _turn(self, number: int, subject: Subject) -> Turn:
        options = self.options
        self.tell(f"round {number + 1} of {options.rounds}: {subject.title}")
        sample, cpu = await self._measure_load(subject, self.at_once[subject.name])
        one = _once(subject)
        alone = await load.run_alone(one, warmup=1, count=options.alone)
        half: tuple[float, ...] = ()
        if options.half:
            rate = max(sample.rate, 1 / options.seconds) / 2
            schedule = load.draw_arrivals(rate, options.seconds, seed=number)
            half = (await load.run_by_schedule(one, schedule)).latencies
        return Turn(
            subject=subject.name,
            round=number,
            rate=sample.rate,
            cpu_ms=cpu,
            alone=alone.latencies,
            half=half,
        )

    async def _measure_load(
        self, subject: Subject, at_once: int
    ) -> tuple[Sample, dict[str, float]]:
        """At so many at once: what ended, and CPU milliseconds per saga, by kind of process.

        Of all sagas of this load, those of the warm-up too: all of them cost.
        """
        done = 0

        async def counting() -> None:
            nonlocal done
            await subject.run()
            done += 1

        kinds = subject.processes
        before, own_before = self._usages(kinds), own_usage()
        sample = await load.run_closed_loop(
            counting, at_once=at_once, warmup=self.options.warmup, seconds=self.options.seconds
        )
        await subject.settle()
        own = own_usage().cpu - own_before.cpu
        seconds = {HARNESS: own, **sum_by_kind(compute_cpu_spent(before, self._usages(kinds)))}
        return sample, {name: 1000 * second / done for name, second in seconds.items()}

    def _usages(self, kinds: Sequence[str]) -> dict[str, Usage]:
        pids = self.bench.pids
        return usages({name: pid for name, pid in pids.items() if kind_of(name) in kinds})


def _once(subject: Subject) -> load.Run:
    async def once() -> None:
        await subject.run()

    return once
