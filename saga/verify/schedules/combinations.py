"""Several faults at once: drawn by a seed from those single ones that can go together."""

import random
from collections.abc import Collection, Sequence
from enum import StrEnum

from saga.verify.faults import ExecutionPath, Fault, Schedule, WorkerMode
from saga.verify.kinds import Life

DRAWS = 1000


def draw_combinations(
    singles: Sequence[Schedule], number: int, size: int, seed: int, *, alone: Collection[StrEnum]
) -> list[Schedule]:
    """So many of so many faults each, at different points; fewer if there are no more.

    A seed gives the same ones again. `alone`: the kinds that go with no other.
    """
    dice = random.Random(f"{size} {seed}")  # noqa: S311 - no secret
    groups = [
        group
        for group in _group(singles, alone)
        if len({fault.point for fault in group.faults}) >= size
    ]
    weights = [len(group.faults) for group in groups]
    chosen: dict[str, Schedule] = {}
    in_vain = 0  # draws since the last that was new: there may be fewer than are asked for
    while groups and len(chosen) < number and in_vain < DRAWS:
        in_vain += 1
        (group,) = dice.choices(groups, weights)
        faults = dice.sample(group.faults, size)
        if len({fault.point for fault in faults}) == size:
            mode = dice.choice((WorkerMode.CACHED, WorkerMode.EVICTED))
            schedule = Schedule(tuple(faults), group.trigger, mode, group.path)
            in_vain = in_vain if schedule.name in chosen else 0
            chosen[schedule.name] = schedule
    return list(chosen.values())


def _group(singles: Sequence[Schedule], alone: Collection[StrEnum]) -> list[Schedule]:
    """Those that can go together, by path and by what has the saga undo itself."""
    together: dict[tuple[Fault | None, ExecutionPath], dict[Fault, None]] = {}
    for single in singles:
        (fault,) = single.faults
        if single.mode in {WorkerMode.CACHED, WorkerMode.EVICTED} and not _is_alone(fault, alone):
            together.setdefault((single.trigger, single.path), {})[fault] = None
    return [
        Schedule(tuple(group), trigger, path=path) for (trigger, path), group in together.items()
    ]


def _is_alone(fault: Fault, alone: Collection[StrEnum]) -> bool:
    """Whether it goes with no other: it takes several runs of the workflow, or two points."""
    return fault.then is not None or fault.life is not Life.FIRST or fault.kind in alone
