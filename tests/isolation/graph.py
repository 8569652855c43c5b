"""Which saga comes before which, by what they read and wrote, and the circles in that.

The direct serialization graph of Adya ("Weak Consistency", 1999), with sagas for transactions. A
circle is named by its edges: how many of them lead from a reader to who overwrote what it had read.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.history import History, Read, Write

MOST_CIRCLES = 50  # more tell nothing new


class Dependency(StrEnum):
    """Why one comes before the other."""

    WW = "was overwritten by"
    WR = "was read by"
    RW = "read what was overwritten by"
    RT = "was answered before there was"


@dataclass(frozen=True)
class Edge:
    """One party comes before another, because of an item and a call of each."""

    source: str
    target: str
    why: Dependency
    item: str
    calls: tuple[str, str]

    def __str__(self) -> str:
        first, second = self.calls
        return f"{self.item}: {first} of {self.source} {self.why} {second} of {self.target}"


@dataclass(frozen=True)
class Circle:
    """Edges that lead back to where they begin; between two parties there may be several."""

    hops: tuple[tuple[Edge, ...], ...]

    @property
    def parties(self) -> tuple[str, ...]:
        """Who is in it."""
        return tuple(hop[0].source for hop in self.hops)

    @property
    def items(self) -> tuple[str, ...]:
        """What they meet on."""
        return tuple(dict.fromkeys(edge.item for hop in self.hops for edge in hop))

    @property
    def anomaly(self) -> Anomaly:
        """What it is called. Without a single anti-dependency, by what goes round."""
        edges = [edge for hop in self.hops for edge in hop]
        overwrote = {(edge.target, edge.item) for edge in edges if edge.why is Dependency.WW}
        had_read = {(edge.source, edge.item) for edge in edges if edge.why is Dependency.RW}
        only_read = sum(all(edge.why is Dependency.RW for edge in hop) for hop in self.hops)
        if overwrote & had_read and only_read <= 1:
            return Anomaly.LOST_UPDATE
        if only_read == 0:
            return Anomaly.LOST_UPDATE if overwrote else Anomaly.DIRTY_READ
        return Anomaly.FUZZY_READ if only_read == 1 else Anomaly.WRITE_SKEW

    def tell(self) -> list[str]:
        """Edge by edge."""
        return [str(edge) for hop in self.hops for edge in hop]


def find_edges(history: History) -> Iterator[Edge]:
    """All that says who comes before whom."""
    for item, writes in history.versions.items():
        yield from _find_overwriting(item, writes)
    for read in history.reads:
        for write in history.list_writers(read):
            yield _edge(write, read, Dependency.WR, read.item)
        for write in history.list_overwriters(read):
            yield _edge(read, write, Dependency.RW, read.item)
            if _is_over(history, write, read):
                yield _edge(write, read, Dependency.RT, read.item)


def _find_overwriting(item: str, writes: Sequence[Write]) -> Iterator[Edge]:
    """Differences commute with each other, and with nothing else."""
    plain, differences = None, list[Write]()
    for write in writes:
        before = differences if differences and not write.adds else [plain] if plain else []
        for earlier in before:
            yield _edge(earlier, write, Dependency.WW, item)
        if write.adds:
            differences.append(write)
        else:
            plain, differences = write, []


def _is_over(history: History, write: Write, read: Read) -> bool:
    """Whether the writer had its answer before the reader asked for anything."""
    writer, reader = history.parties.get(write.party), history.parties.get(read.party)
    return writer is not None and reader is not None and writer.ended < reader.begun


def _edge(source: Write | Read, target: Write | Read, why: Dependency, item: str) -> Edge:
    return Edge(source.party, target.party, why, item, (source.call, target.call))


def find_circles(history: History) -> list[Circle]:
    """The shortest circle through each pair of neighbours, shortest first; at most so many."""
    edges: dict[str, dict[str, list[Edge]]] = defaultdict(lambda: defaultdict(list))
    for edge in find_edges(history):
        if edge.source != edge.target:
            edges[edge.source][edge.target].append(edge)
    after = _cut_loose_ends({source: set(targets) for source, targets in edges.items()})
    found: dict[frozenset[str], Circle] = {}
    for source, targets in after.items():
        for target in targets:
            way = _find_way(after, target, source)
            if way is not None and frozenset(way) not in found:
                hops = tuple(tuple(edges[a][b]) for a, b in pairwise([source, *way]))
                found[frozenset(way)] = Circle(hops)
        if len(found) >= MOST_CIRCLES:
            break
    return sorted(found.values(), key=lambda circle: len(circle.hops))


def _cut_loose_ends(after: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is left without those who have nobody before them, or nobody behind."""
    while True:
        behind = {target for targets in after.values() for target in targets}
        left = {
            source: targets & after.keys() for source, targets in after.items() if source in behind
        }
        left = {source: targets for source, targets in left.items() if targets}
        if left == after:
            return left
        after = left


def _find_way(after: dict[str, set[str]], begin: str, end: str) -> list[str] | None:
    """The shortest way, both ends included."""
    came: dict[str, str | None] = {begin: None}
    ahead = deque([begin])
    while ahead:
        here = ahead.popleft()
        if here == end:
            way = [here]
            while (before := came[way[-1]]) is not None:
                way.append(before)
            return way[::-1]
        for target in sorted(after.get(here, ())):
            if target not in came:
                came[target] = here
                ahead.append(target)
    return None
