"""What a run found, as data: one record a subject and round, and what they come to."""

from collections.abc import Mapping, Sequence
from statistics import median

from pydantic import BaseModel

from benchmarks.stats import Latency, Spread

HARNESS = "harness"


class Turn(BaseModel, frozen=True):
    """One subject's turn in one round.

    `cpu_ms` is by kind of process, per saga, at saturation; what the harness itself took is told,
    but is no cost of the saga. Latencies are in seconds.
    """

    subject: str
    round: int
    rate: float
    cpu_ms: dict[str, float]
    alone: tuple[float, ...]
    half: tuple[float, ...]


class Cost(BaseModel, frozen=True):
    """Per saga. None where there is no such thing.

    `read_whole` are rows that PostgreSQL read by going through a whole table, by table; those that
    it found by an index are not in it.
    """

    history_events: float | None
    history_bytes: float | None
    persistence: float | None
    transactions: float | None
    read_whole: dict[str, float]


class Summary(BaseModel, frozen=True):
    """What the turns of one subject come to.

    `alone` and `half` are of all rounds' sagas together; `alone_ms` is the median of a round.
    """

    name: str
    title: str
    at_once: int
    rate: Spread
    alone_ms: Spread
    alone: Latency
    half: Latency | None
    cpu_ms: Spread
    cpu_by_process: dict[str, float]
    cost: Cost | None


class Results(BaseModel, frozen=True):
    """A whole run. `machine` says where."""

    machine: dict[str, str]
    subjects: dict[str, Summary]
    turns: list[Turn]


def summary(
    name: str, title: str, at_once: int, turns: Sequence[Turn], cost: Cost | None
) -> Summary:
    """Of one subject's turns. ValueError if there is none."""
    alone = [latency for turn in turns for latency in turn.alone]
    half = [latency for turn in turns for latency in turn.half]
    processes = {process for turn in turns for process in turn.cpu_ms}
    return Summary(
        name=name,
        title=title,
        at_once=at_once,
        rate=Spread.of([turn.rate for turn in turns]),
        alone_ms=Spread.of([1000 * median(turn.alone) for turn in turns]),
        alone=Latency.of(alone),
        half=Latency.of(half) if half else None,
        cpu_ms=Spread.of([_cost(turn.cpu_ms) for turn in turns]),
        cpu_by_process={
            item: median([turn.cpu_ms.get(item, 0.0) for turn in turns])
            for item in sorted(processes)
        },
        cost=cost,
    )


def _cost(cpu_ms: Mapping[str, float]) -> float:
    return sum(ms for process, ms in cpu_ms.items() if process != HARNESS)
