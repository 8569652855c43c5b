"""What can go wrong, as data: faults of a kind at a point, and schedules made of them."""

from dataclasses import dataclass
from enum import StrEnum

from saga.verify.kinds import Life


class ExecutionPath(StrEnum):
    """How the saga runs its activities, as its input says."""

    REGULAR = "regular"  # on their queues
    FAST = "fast"  # once where the workflow runs, before that
    STRETCH = "stretch"  # consecutive steps by one activity first, on the fast path
    QUEUED_STRETCH = "queued-stretch"  # the same on the workflow's queue: there is no fast path

    @property
    def is_fast(self) -> bool:
        """Whether there is a fast path."""
        return self in {ExecutionPath.FAST, ExecutionPath.STRETCH}

    @property
    def is_stretch(self) -> bool:
        """Whether consecutive steps are attempted together first."""
        return self in {ExecutionPath.STRETCH, ExecutionPath.QUEUED_STRETCH}


class WorkerMode(StrEnum):
    """Which workflow worker runs the saga."""

    CACHED = "cached"
    EVICTED = "evicted"  # its cache is empty at every task: everything is replayed
    LOST = "lost"  # it is lost at every task, with what it has decided: another one replays
    HASTY = "hasty"  # the saga's deadline is shortened to `subject.HASTE`


@dataclass(frozen=True, order=True)
class InjectionPoint:
    """An activity of a step: where a fault strikes."""

    step: str
    activity: str

    def __str__(self) -> str:
        return f"{self.step}:{self.activity}"


AT_THE_END = InjectionPoint("workflow", "its end")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. `then`: where its second part strikes, if elsewhere.

    `life`: how the saga's life ends meanwhile, if a step is parked by this.
    """

    point: InjectionPoint
    kind: StrEnum
    then: InjectionPoint | None = None
    life: Life = Life.FIRST

    def __str__(self) -> str:
        elsewhere = f" at {self.then}" if self.then else ""
        life = f", {self.life}" if self.life is not Life.FIRST else ""
        return f"{self.point} {self.kind}{elsewhere}{life}"


@dataclass(frozen=True)
class Schedule:
    """One run: the faults, what makes the saga undo itself first if anything does, mode and path.

    `expects` are the statuses that are true of such a run; empty if any may be.
    """

    faults: tuple[Fault, ...]
    trigger: Fault | None = None
    mode: WorkerMode = WorkerMode.CACHED
    path: ExecutionPath = ExecutionPath.REGULAR
    expects: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Unique, and what `--only` selects by."""
        what = " + ".join(map(str, self.faults)) or "no fault"
        trigger = f" | undone as {self.trigger}" if self.trigger else ""
        path = f", {self.path}" if self.path is not ExecutionPath.REGULAR else ""
        return f"{what}{trigger} [{self.mode}{path}]"

    @property
    def all(self) -> tuple[Fault, ...]:
        """Every fault of the run, the trigger too."""
        return (self.trigger, *self.faults) if self.trigger else self.faults
