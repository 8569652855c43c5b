"""What a saga shows of itself: the answer of its query and its page in the Temporal Web UI."""

from dataclasses import dataclass, field
from enum import StrEnum


class SagaState(StrEnum):
    """Where a saga stands."""

    RUNNING = "running"
    WAITING = "waiting"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    COMPLETED = "completed"
    BLOCKED = "blocked"


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    BLOCKED = "blocked"
    STOPPED = "stopped"  # no saga says so of itself: its workflow was ended from outside


@dataclass
class WaitView:
    """What a step waits for, in words, and since and until when."""

    what: str
    since: str
    until: str


@dataclass
class StepView:
    """One step. Times are ISO 8601, of the workflow's clock; `action` names its activity.

    While it is blocked: what of it is parked (`role`), and what an operator may say (`words`).
    `waiting`, while it waits for a person or a partner.
    """

    name: str
    kind: str
    action: str
    compensation: str | None = None
    state: StepState = StepState.PENDING
    started_at: str | None = None
    finished_at: str | None = None
    error: str | None = None
    role: str | None = None
    words: list[str] = field(default_factory=list)
    waiting: WaitView | None = None

    def note(self) -> str:
        """What it waits for, or what went wrong."""
        if self.waiting is None:
            return self.error or ""
        return f"for {self.waiting.what}, since {self.waiting.since}, until {self.waiting.until}"


@dataclass
class SagaView:
    """A whole saga. `compensations` lists the steps in the order in which they are undone.

    `cause` is why it is undone, once that is certain; `called_off`, as what, from when it is called
    off: its pivot's fence may still say that it must go on.
    """

    saga_id: str
    state: SagaState = SagaState.RUNNING
    steps: list[StepView] = field(default_factory=list)
    compensations: list[str] = field(default_factory=list)
    cause: str | None = None
    called_off: str | None = None

    def markdown(self) -> str:
        """The same for people, as Temporal's current details show it."""
        lines = [f"**{self.state}**" + (f": {self.cause}" if self.cause else ""), ""]
        lines += ["| step | kind | state | |", "|---|---|---|---|"]
        for step in self.steps:
            lines.append(f"| {step.name} | {step.kind} | {step.state} | {step.note()} |")
        return "\n".join(lines)
