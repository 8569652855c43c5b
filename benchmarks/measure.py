"""One run: warm up, then in each round every subject at saturation, alone, and at half load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import load
from benchmarks.environment import Ground
from benchmarks.load import Sample
from benchmarks.report.result import HARNESS, Turn
from benchmarks.rounds import interleaved
from benchmarks.subjects.subject import Subject
from benchmarks.usage import Usage, grouped, kind_of, own_usage, spent, usages

AT_ONCE = (8, 24)


@dataclass(frozen=True)
class Asked:
    """How much is measured. `seconds` is the length of each measurement under load."""

    rounds: int = 5
    seconds: float = 4.0
    warmup: float = 1.5
    alone: int = 16
    at_once: Sequence[int] = AT_ONCE
    half: bool = True
    count: bool = True  # transactions too, which takes ten seconds a subject


QUICK = Asked(rounds=1, seconds=1.0, warmup=0.5, alone=2, at_once=(4,), count=False)


@dataclass
class Measuring:
    """Measures subjects on a ground. `tell` hears what is going on."""

    ground: Ground
    asked: Asked
    tell: Callable[[str], None]
    at_once: dict[str, int] = field(default_factory=dict)

    async def rounds(self, subjects: Sequence[Subject]) -> list[Turn]:
        """All turns, interleaved."""
        for subject in subjects:
            self.at_once[subject.name] = await self._saturation(subject)
        return [
            await self._turn(number, subject)
            for number, subject in interleaved(subjects, self.asked.rounds)
        ]

    async def _saturation(self, subject: Subject) -> int:
        """With how many at once it gets the most done. Warms everything up on the way."""
        if len(self.asked.at_once) == 1:
            return self.asked.at_once[0]
        rates: dict[int, float] = {}
        for at_once in self.asked.at_once:
            self.tell(f"warming up: {subject.title}, {at_once} at once")
            sample, _ = await self._loaded(subject, at_once)
            rates[at_once] = sample.rate
        return max(rates, key=rates.__getitem__)

    async def _turn(self, number: int, subject: Subject) -> Turn:
        asked = self.asked
        self.tell(f"round {number + 1} of {asked.rounds}: {subject.title}")
        sample, cpu = await self._loaded(subject, self.at_once[subject.name])
        one = _once(subject)
        alone = await load.alone(one, warmup=1, count=asked.alone)
        half: tuple[float, ...] = ()
        if asked.half:
            rate = max(sample.rate, 1 / asked.seconds) / 2
            schedule = load.arrivals(rate, asked.seconds, seed=number)
            half = (await load.by_schedule(one, schedule)).latencies
        return Turn(
            subject=subject.name,
            round=number,
            rate=sample.rate,
            cpu_ms=cpu,
            alone=alone.latencies,
            half=half,
        )

    async def _loaded(self, subject: Subject, at_once: int) -> tuple[Sample, dict[str, float]]:
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
        sample = await load.closed(
            counting, at_once=at_once, warmup=self.asked.warmup, seconds=self.asked.seconds
        )
        await subject.settle()
        own = own_usage().cpu - own_before.cpu
        seconds = {HARNESS: own, **grouped(spent(before, self._usages(kinds)))}
        return sample, {name: 1000 * second / done for name, second in seconds.items()}

    def _usages(self, kinds: Sequence[str]) -> dict[str, Usage]:
        pids = self.ground.pids
        return usages({name: pid for name, pid in pids.items() if kind_of(name) in kinds})


def _once(subject: Subject) -> load.Run:
    async def once() -> None:
        await subject.run()

    return once
