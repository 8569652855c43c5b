"""What is asked of the activity that attempts a stretch, and what it answers."""

from dataclasses import dataclass
from typing import Any

from temporalio.exceptions import ApplicationError

from saga.messages import pending, rejection

STRETCH = "saga.stretch"  # the activity's name
NOT_BEGUN = "not begun: its workflow was ended or paused, or Temporal does not answer"


@dataclass(frozen=True)
class PlannedAttempt:
    """An attempt to be made: at which step, by which activity, and for how many seconds at most."""

    step: str
    activity: str
    seconds: float


@dataclass(frozen=True)
class Stretch:
    """What the activity is asked for, within so many seconds; then the command of each attempt."""

    saga_id: str
    attempts: list[PlannedAttempt]
    seconds: float


@dataclass(frozen=True)
class CleanAttempt:
    """One that has answered, after so many seconds. Its step is told by its place.

    `reply` is for people: without what its command says, too, since a saga's input has that.
    """

    activity: str
    seconds: float
    reply: Any


@dataclass(frozen=True)
class UncleanAttempt:
    """The one at which the stretch ended: refused with this `code`, or its outcome is unknown.

    Or somebody has to act first, as the one value of `about` tells.
    """

    activity: str
    seconds: float
    error: str
    code: str | None = None
    about: list[Any] | None = None

    @property
    def refusal(self) -> ApplicationError | None:
        """As the activity has raised it."""
        if self.about is not None:
            return pending(self.error, *self.about)
        return None if self.code is None else rejection(self.code, self.error)


@dataclass(frozen=True)
class StretchReply:
    """What the activity answers with. It began at `began`, by the worker's clock (ISO 8601).

    Its attempts are of the steps that it was asked for, in their order; those that are not in it
    were not begun.
    """

    began: str
    clean: list[CleanAttempt]
    unclean: UncleanAttempt | None = None

    @property
    def attempts(self) -> list[CleanAttempt | UncleanAttempt]:
        """All that it has made, in order."""
        return [*self.clean, *([self.unclean] if self.unclean else [])]
