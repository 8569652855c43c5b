"""What passes between the kernel, its activities and operators: calls, causes, and resolutions."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory

REJECTED = "Rejected"
BENIGN = ApplicationErrorCategory.BENIGN
PENDING = "Pending"  # somebody else has to act first; see `pending`
EXPIRED = "Expired"  # nobody has acted in time
# The type of an activity's error that says: nobody was asked yet, as whom it calls is known to be
# down. It is retried when it is worth asking again, and does not count as a failure of the step.
HELD_BACK = "HeldBack"


class FailureKind(StrEnum):
    """How a saga that did not complete ended."""

    REJECTED = "rejected"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class FailureCause:
    """Why a saga is undone. `step` is where it happened; empty if it came from outside."""

    ending: FailureKind
    code: str
    detail: str
    step: str = ""


@dataclass
class Outcome:
    """How a saga ended: completed if there is no cause. `undone` has each compensation's reply."""

    cause: FailureCause | None
    undone: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """The first argument of every step's activities, action and compensation alike.

    `saga_id` and `step` make the barrier's key: the same for every attempt, worker and reset.
    """

    saga_id: str
    step: str
    cause: FailureCause | None = None


class Resolving(StrEnum):
    """What an operator may say of a parked step."""

    RETRY = "retry"
    SKIP = "skip"
    MARK_DONE = "mark_done"


class Role(StrEnum):
    """Which activity of a step is meant."""

    # Each value is the name of the field of `Step` that has it.
    ACTION = "action"
    COMPENSATION = "compensation"
    FENCE = "fence"
    PROBE = "probe"


@dataclass(frozen=True)
class Resolution:
    """An operator's word on a parked step. `evidence` says why it is true, `who` says it.

    `role` tells what of the step it is about; None: what is parked of it.
    """

    step: str
    action: Resolving
    evidence: str
    who: str
    role: Role | None = None


@dataclass(frozen=True)
class BlockedStepEvent:
    """Something for the record: a step was parked (`blocked` says why), or is so no longer.

    `number` counts the events of this run; `still_blocked` tells whether another step is parked.
    """

    number: int
    step: str
    role: Role
    blocked: str | None
    still_blocked: bool
    resolution: Resolution | None = None


@dataclass(frozen=True)
class PendingStepEvent:
    """A step has begun to wait until somebody acts, as `about` tells, at most until then."""

    step: str
    about: Any
    until: datetime


def rejection(code: str, detail: str) -> ApplicationError:
    """A business "no" for an activity to raise: never retried, and no failure of the machinery."""
    return ApplicationError(detail, code, type=REJECTED, non_retryable=True, category=BENIGN)


def pending(detail: str, about: Any = None) -> ApplicationError:
    """For an activity to raise whose outcome is somebody else's to decide, as `about` tells.

    Neither a "no" nor a failure: a step that `awaits_outcome` asks the activity again later.
    """
    return ApplicationError(detail, about, type=PENDING, non_retryable=True, category=BENIGN)


def expire(code: str, detail: str) -> ApplicationError:
    """Nobody has acted in time: the saga is undone as timed out, with this code."""
    return ApplicationError(detail, code, type=EXPIRED, non_retryable=True)


def is_held_back(error: BaseException) -> bool:
    """Whether the last attempt of a step only waited for a service that is known to be down."""
    failure: BaseException | None = error
    while failure is not None and not isinstance(failure, ApplicationError):
        failure = failure.__cause__
    return failure is not None and failure.type == HELD_BACK


def is_rejection(error: BaseException) -> bool:
    """Whether a service has said no, in an activity wherever it ran."""
    failure = _failure(error)
    return isinstance(failure, ApplicationError) and failure.type == REJECTED


def find_pending(error: BaseException) -> ApplicationError | None:
    """What an activity has raised by `pending`, wherever it ran; None if it is something else."""
    failure = _failure(error)
    if isinstance(failure, ApplicationError) and failure.type == PENDING:
        return failure
    return None


def is_final(error: BaseException) -> bool:
    """Whether an activity has said that trying again is of no use."""
    failure = _failure(error)
    return isinstance(failure, ApplicationError) and failure.non_retryable


def cause_of(error: BaseException, step: str) -> FailureCause:
    """The cause that a failed step is: rejected if it says so, else it ran out of its time."""
    failure = _failure(error)
    if isinstance(failure, ApplicationError) and failure.type == REJECTED:
        code = str(failure.details[0]) if failure.details else "rejected"
        return FailureCause(FailureKind.REJECTED, code, failure.message, step)
    if isinstance(failure, ApplicationError) and failure.type == EXPIRED:
        return FailureCause(FailureKind.TIMED_OUT, str(failure.details[0]), failure.message, step)
    return FailureCause(
        FailureKind.TIMED_OUT, f"{step}_timed_out", f"{step} did not succeed: {failure}", step
    )


def _failure(error: BaseException) -> BaseException:
    """What went wrong in an activity; a local one's failure is not wrapped."""
    return error.cause if isinstance(error, ActivityError) and error.cause else error
