"""A step of a saga, as data: what it does, how it is undone, and how long it may take."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from temporalio import activity
from temporalio.common import RetryPolicy

from saga.messages import Call

C = TypeVar("C")
R = TypeVar("R")

# Forward: quick at first, since most faults are a blip; bounded by the step's patience.
FORWARD = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5)
)
# What must happen in the end is tried without limit. The cap bounds how long a healed service
# waits for us.
UNTIL_DONE = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=15)
)


class StepKind(StrEnum):
    """What a step means for undoing the saga."""

    READ = "read"
    COMPENSATABLE = "compensatable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


@dataclass(frozen=True)
class Refusal:
    """An answer that undoes the saga: as rejected, with this code, and what people are told."""

    code: str
    detail: str


def accept_any(answer: Any) -> None:
    """Decide that any answer lets the saga go on."""


@dataclass(frozen=True, kw_only=True)
class AwaitedAnswer:
    """What a step waits for, `within` so long of the moment when its action opened the request.

    `answer` is the type of an answer; `what` is told to people who see the saga wait. `decide`
    answers with a Refusal, or with None if the saga goes on. It may raise an ApplicationError for
    what is no answer at all: that is refused, and another one waited for.

    ValueError if there is no time to answer in.
    """

    answer: type[Any]
    within: timedelta
    what: str
    decide: Callable[[Any], Refusal | None] = accept_any

    def __post_init__(self) -> None:
        if self.within <= timedelta():
            raise ValueError(f"waiting for {self.what}: give it more time than {self.within}")


@dataclass(frozen=True, kw_only=True)
class AwaitedOutcome:
    """What a step waits for if its action says that somebody else has to act first (`pending`).

    The action is asked again when somebody says that it is worth it (`Saga.look_again`), and
    by itself: first `look_after`, then less and less often. `within` has how long that goes on, by
    the step's command; then the saga is undone as timed out, with the `code`. `what` is told to
    people who see the saga wait.
    """

    what: str
    code: str
    within: Callable[[Any], timedelta]
    look_after: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Step(Generic[C, R]):
    """One step. Its activities take a `Call` and the step's command, action and compensation alike.

    `attempt` bounds one attempt (start-to-close). `patience` bounds all attempts of an action
    before the pivot (schedule-to-close). Whatever must succeed has no such bound: pivot, retriable
    steps and compensations; they park after `park_after` and are still retried.

    `command` computes what to do from the saga's input alone, so that it is known whatever has
    happened; `commands`, in its place, if the step is done for each of several. `summary` tells of
    an action before the pivot in the Temporal Web UI; `does` and `undoes` say to people what it and
    its compensation do.
    `fence`, of a pivot: refuses a pivot that has not landed, and tells whether it had.
    `probe`, optional: asks the service whether an action of unknown outcome landed; its reply if
    it did, else None.
    `concludes`: the compensation says that all is undone, so it waits for all others.
    `awaits`: the action only opens a request, which the compensation withdraws; the step is done
    when it is answered, see `Saga.answer`, and fails when it is refused or when time is up.
    `awaits_outcome`: the action may say that somebody else has to act first, and is asked again.

    ValueError if a compensatable step lacks a compensation, another step has one or waits, or a
    pivot lacks a fence.
    """

    name: str
    kind: StepKind
    queue: str
    action: Callable[[Any, Call, C], Awaitable[R]]
    command: Callable[[Any], C] | None = None
    commands: Callable[[Any], Sequence[C]] | None = None
    compensation: Callable[[Any, Call, C], Awaitable[Any]] | None = None
    fence: Callable[[Any, Call], Awaitable[bool]] | None = None
    probe: Callable[[Any, Call, C], Awaitable[R | None]] | None = None
    concludes: bool = False
    awaits: AwaitedAnswer | None = None
    awaits_outcome: AwaitedOutcome | None = None
    summary: Callable[[C], str] | None = None
    does: str = ""
    undoes: str = ""
    attempt: timedelta = timedelta(seconds=5)
    patience: timedelta = timedelta(minutes=5)
    park_after: timedelta = timedelta(minutes=10)

    def for_generation(self, generation: int) -> "Step[C, R]":
        """The step as the business does it for this time, from 1: each has a key of its own."""
        return self if generation == 1 else replace(self, name=f"{self.name}#{generation}")

    def plan(self, given: Any) -> "list[tuple[Step[C, R], C]]":
        """Each time that it is done, and with what, by the saga's input."""
        if self.command is not None:
            return [(self, self.command(given))]
        commands = self.commands(given) if self.commands else ()
        return [(self.for_generation(n), command) for n, command in enumerate(commands, 1)]

    def __post_init__(self) -> None:
        if (self.compensation is not None) != (self.kind is StepKind.COMPENSATABLE):
            raise ValueError(f"step {self.name}: a compensation goes with kind=compensatable only")
        waits = self.awaits or self.awaits_outcome
        if waits is not None and self.kind is not StepKind.COMPENSATABLE:
            raise ValueError(f"step {self.name}: what waits goes with kind=compensatable only")
        if (self.fence is not None) != (self.kind is StepKind.PIVOT):
            raise ValueError(f"step {self.name}: a fence goes with kind=pivot, and only there")


def reply_type(function: Callable[..., Any]) -> Any:
    """What an activity answers with, by its annotation; None if with nothing, or if it has none."""
    answers = activity._Definition.must_from_callable(function).ret_type
    return None if answers is type(None) else answers


def activity_name(function: Callable[..., Any]) -> str:
    """The name under which an activity is registered; the SDK has no public way to ask."""
    return activity._Definition.must_from_callable(function).name or function.__name__
