"""What processes use: processor time and memory, each with all that it has started."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import psutil
from pydantic import BaseModel


class Usage(BaseModel, frozen=True):
    """CPU seconds since birth, and bytes of memory that nobody else has (USS)."""

    cpu: float
    memory: int


def own_usage() -> Usage:
    """Of this process alone, without what it has started."""
    return next(_measure([psutil.Process()], children=False))


def usages(pids: Mapping[str, int]) -> dict[str, Usage]:
    """Of these processes and all below them, also of those that have ended; by the names given.

    The kernel adds the time of an ended child to its parent's, so nothing is lost or counted twice.
    Processes that are gone are left out.
    """
    below = _below()
    found: dict[str, Usage] = {}
    for name, pid in pids.items():
        measured = list(_measure(_tree(pid, below)))
        if measured:
            cpu, memory = (
                sum(usage.cpu for usage in measured),
                sum(usage.memory for usage in measured),
            )
            found[name] = Usage(cpu=cpu, memory=memory)
    return found


def compute_cpu_spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """CPU seconds between two looks, by name; what was started in between counts from birth."""
    nothing = Usage(cpu=0, memory=0)
    return {name: usage.cpu - before.get(name, nothing).cpu for name, usage in after.items()}


def kind_of(name: str) -> str:
    """`worker-1` and `worker-2` are both of the kind `worker`."""
    return name.rstrip("0123456789").rstrip("-")


def sum_by_kind(seconds: Mapping[str, float]) -> dict[str, float]:
    """Summed over processes of a kind."""
    sums: defaultdict[str, float] = defaultdict(float)
    for name, value in seconds.items():
        sums[kind_of(name)] += value
    return dict(sums)


def _below() -> dict[int, list[int]]:
    """The children of every process there is, in one look."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        children[process.info["ppid"]].append(process.pid)
    return children


def _tree(pid: int, below: Mapping[int, list[int]]) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        yield psutil.Process(pid)
    for child in below.get(pid, ()):
        yield from _tree(child, below)


def _measure(processes: Iterable[psutil.Process], *, children: bool = True) -> Iterator[Usage]:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu = times.user + times.system
            if children:
                cpu += times.children_user + times.children_system
            yield Usage(cpu=cpu, memory=process.memory_full_info().uss)
