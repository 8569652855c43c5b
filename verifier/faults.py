"""What can go wrong, as data: kinds of faults, where they strike, and schedules made of them."""

from dataclasses import dataclass
from enum import StrEnum

from saga import Resolving


class Kind(StrEnum):
    """What happens to an attempt, or to the saga while the attempt is there."""

    FAILS_ONCE = "fails once"
    FAILS_AN_HOUR = "fails for an hour"
    FAILS_FOR_EVER = "fails for ever"
    REJECTED = "is rejected"
    REFUSED = "is refused by its service"
    REPLY_LOST = "reply is lost"
    REPLIES_LOST = "every reply is lost"
    MARKED_DONE = "is refused and done by hand"
    SKIPPED = "is refused, done by hand and skipped"
    TWICE = "is delivered twice"
    AT_ONCE = "is delivered twice at once"
    SLOW_BEFORE = "is slow before its effect"
    SLOW_AFTER = "is slow after its effect"
    OVERTAKEN = "lands after the end, overtaken by its retry"
    LATE_PATIENCE = "lands after the end, given up"
    LATE_REFUSED = "lands after the end, refused meanwhile"
    LATE_UNDOING = "lands while it is undone"
    LATE_UNDONE = "lands after it is undone"
    LATE_END = "lands after the end, cancelled"
    CANCEL_BEFORE = "cancel before"
    CANCEL_AFTER = "cancel after"
    CANCEL_TWICE_BEFORE = "cancel twice before"
    CANCEL_TWICE_AFTER = "cancel twice after"
    CUSTOMER_BEFORE = "customer cancels before"
    CUSTOMER_AFTER = "customer cancels after"
    CUSTOMER_TWICE_BEFORE = "customer cancels twice before"
    CUSTOMER_TWICE_AFTER = "customer cancels twice after"
    BOTH_BEFORE = "both cancel before"
    BOTH_AFTER = "both cancel after"
    DEADLINE = "fails until the deadline"
    RESET = "workflow reset"
    WORKER_LOST = "worker is lost"
    TASK_LOST = "its task is lost"
    TASK_LOST_CANCEL = "its task is lost, then Temporal cancels"
    TASK_LOST_CUSTOMER = "its task is lost, then the customer cancels"
    TASK_LOST_REFUSED = "its task is lost, then refused"
    TASK_LOST_DOWN = "its task is lost, then what is asked first is down"
    ENDED = "terminated and reset"
    ENDED_CANCEL = "terminated and reset, then Temporal cancels"
    ENDED_CUSTOMER = "terminated and reset, then the customer cancels"


class Way(StrEnum):
    """By whom a cancel is asked for."""

    TEMPORAL = "temporal"
    CUSTOMER = "customer"


T, C = Way.TEMPORAL, Way.CUSTOMER
BEFORE = {
    Kind.CANCEL_BEFORE: (T,),
    Kind.CANCEL_TWICE_BEFORE: (T, T),
    Kind.CUSTOMER_BEFORE: (C,),
    Kind.CUSTOMER_TWICE_BEFORE: (C, C),
    Kind.BOTH_BEFORE: (C, T),
}
AFTER = {
    Kind.CANCEL_AFTER: (T,),
    Kind.CANCEL_TWICE_AFTER: (T, T),
    Kind.CUSTOMER_AFTER: (C,),
    Kind.CUSTOMER_TWICE_AFTER: (C, C),
    Kind.BOTH_AFTER: (T, C),
}
CANCELS = (*BEFORE, *AFTER)
# What this run of the saga has done is known to nobody: its workflow task is lost, or an operator
# ends the run and resets it. And what comes then.
TASK_LOST: dict[Kind, Way | None] = {
    Kind.TASK_LOST: None,
    Kind.TASK_LOST_CANCEL: T,
    Kind.TASK_LOST_CUSTOMER: C,
    Kind.TASK_LOST_REFUSED: None,
    Kind.TASK_LOST_DOWN: None,
}
ENDED: dict[Kind, Way | None] = {Kind.ENDED: None, Kind.ENDED_CANCEL: T, Kind.ENDED_CUSTOMER: C}
LATE = (Kind.LATE_UNDOING, Kind.LATE_UNDONE, Kind.LATE_END)
# What only an operator ends, where it cannot be given up, and how.
ENDED_BY = {
    Kind.FAILS_FOR_EVER: Resolving.RETRY,
    Kind.REJECTED: Resolving.RETRY,
    Kind.REPLIES_LOST: Resolving.RETRY,
    Kind.MARKED_DONE: Resolving.MARK_DONE,
    Kind.SKIPPED: Resolving.SKIP,
}


class Path(StrEnum):
    """How the saga runs its activities, as its input says."""

    REGULAR = "regular"  # on their queues
    FAST = "fast"  # once where the workflow runs, before that


class Mode(StrEnum):
    """Which workflow worker runs the saga."""

    CACHED = "cached"
    EVICTED = "evicted"  # its cache is empty at every task: everything is replayed
    LOST = "lost"  # it is lost at every task, with what it has decided: another one replays
    HASTY = "hasty"  # the saga's deadline is shortened to `subject.HASTE`


@dataclass(frozen=True, order=True)
class Site:
    """An activity of a step: where a fault strikes."""

    step: str
    activity: str

    def __str__(self) -> str:
        return f"{self.step}:{self.activity}"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. `then`: where its second part strikes, if elsewhere."""

    site: Site
    kind: Kind
    then: Site | None = None

    def __str__(self) -> str:
        return f"{self.site} {self.kind}" + (f" at {self.then}" if self.then else "")


@dataclass(frozen=True)
class Schedule:
    """One run: the faults, what makes the saga undo itself first if anything does, mode and path.

    `expects` are the statuses that are true of such a run; empty if any may be.
    """

    faults: tuple[Fault, ...]
    trigger: Fault | None = None
    mode: Mode = Mode.CACHED
    path: Path = Path.REGULAR
    expects: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Unique, and what `--only` selects by."""
        what = " + ".join(map(str, self.faults)) or "no fault"
        trigger = f" | undone as {self.trigger}" if self.trigger else ""
        path = f", {self.path}" if self.path is not Path.REGULAR else ""
        return f"{what}{trigger} [{self.mode}{path}]"

    @property
    def all(self) -> tuple[Fault, ...]:
        """Every fault of the run, the trigger too."""
        return (self.trigger, *self.faults) if self.trigger else self.faults
