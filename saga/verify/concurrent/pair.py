"""Two that meet: what they share, what each of them does, and what must be true afterwards."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from saga.isolation import Countermeasure
from saga.verify.cases import Case, Ending
from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.turns import SIDES, Turns
from saga.verify.environment.environment import Environment
from saga.verify.faults import ExecutionPath, Schedule
from saga.verify.run import Run
from saga.verify.subject import Subject

NO_FAULT = Schedule(())
DONE = "done"
MOST_ATTEMPTS = 10  # of a call of somebody who is no saga


@dataclass(frozen=True)
class Side:
    """A partner in one run: its letter, the gate, and what both sides share.

    `schedule`: the faults that strike it, if it is a saga. `path`: how it runs its activities then.
    """

    letter: str
    environment: Environment
    meeting: Any
    turns: Turns
    schedule: Schedule = NO_FAULT
    path: ExecutionPath = ExecutionPath.REGULAR

    @property
    def world(self) -> Any:
        """What the subjects look at."""
        return self.environment.world

    def gate(self, workflow_id: str) -> None:
        """Have all activities of a workflow count as this side's calls."""
        self.environment.injector.gates[workflow_id] = partial(self.turns.take, self.letter)


@dataclass(frozen=True)
class EndedSaga:
    """A saga that has ended, as its invariants want it."""

    subject: Subject
    case: Case
    ending: Ending


@dataclass(frozen=True)
class PartnerEnding:
    """How a side ended, in the same words whenever it ends so. `saga`: which, if it is one."""

    how: str
    saga: EndedSaga | None = None

    @property
    def undone(self) -> bool:
        """Whether it took back what it had done."""
        if self.saga is None or self.is_stuck:
            return False
        return self.saga.ending.status != self.saga.subject.completed

    @property
    def is_stuck(self) -> bool:
        """Whether it never ended."""
        return self.saga is not None and self.saga.ending.status is None


class Partner(Protocol):
    """One of the two. Whatever it does, it does by calls through its side's gate."""

    @property
    def name(self) -> str:
        """What it does, for people."""

    @property
    def kind(self) -> str:
        """Its workflow's type if it is a saga, else what it does."""

    async def act(self, side: Side) -> PartnerEnding:
        """All that it does, to its end."""


@dataclass(frozen=True)
class SagaPartner:
    """A saga of a subject: each attempt of each of its activities is a call.

    `case`: what is started, of what the two share. It is a call as well if it `looks` at something.
    `on_path` makes its argument that of a saga which runs its activities so; None if it knows one
    path alone.
    """

    name: str
    subject: Subject
    case: Callable[[Any, Any], Awaitable[Case]]
    looks: str = ""
    on_path: Callable[[Any, ExecutionPath], Any] | None = None

    @property
    def kind(self) -> str:
        """Its workflow's type."""
        return self.subject.definition.name

    async def act(self, side: Side) -> PartnerEnding:
        """Start it, and wait for its end."""
        if self.looks:
            async with side.turns.take(side.letter, self.looks):
                case = await self.case(side.world, side.meeting)
        else:
            case = await self.case(side.world, side.meeting)
        if self.on_path is not None:
            argument = self.on_path(case.argument, side.path)
            case = replace(case, argument=argument, fast=side.path.is_fast)
        side.gate(case.workflow_id)
        try:
            ending = await Run(side.environment, self.subject, side.schedule).reach_end(case)
        finally:
            side.environment.injector.gates.pop(case.workflow_id)
        saga = EndedSaga(self.subject, case, ending)
        return PartnerEnding(f"{ending.status} ({ending.how})", saga)


@dataclass(frozen=True)
class CallsPartner:
    """Somebody who makes these calls, one after the other: what each is, and how it is made.

    One that fails as one of `again` does is made again, at most MOST_ATTEMPTS times, as any client
    does: a transaction that stands open while the other side works may be given up by its database.
    A call may answer in a word that says how it ended; the last such word is how all of it ended.
    """

    name: str
    calls: Sequence[tuple[str, Callable[[Side], Awaitable[str | None]]]]
    again: tuple[type[Exception], ...] = ()

    @property
    def kind(self) -> str:
        """What it does."""
        return self.name

    async def act(self, side: Side) -> PartnerEnding:
        """Make all of them."""
        how = DONE
        for what, call in self.calls:
            how = await self._make(side, what, call) or how
        return PartnerEnding(how)

    async def _make(
        self, side: Side, what: str, call: Callable[[Side], Awaitable[str | None]]
    ) -> str | None:
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                async with side.turns.take(side.letter, what):
                    return await call(side)
            except self.again:
                if attempt == MOST_ATTEMPTS:
                    raise
        return None


Meet = Callable[[Any], Awaitable[Any]]
Observe = Callable[[Any, Any], Awaitable[Mapping[str, Any]]]
ListLocks = Callable[[Any, Any], Awaitable[Collection[str]]]
PairInvariant = Callable[[Any, Any, Mapping[str, PartnerEnding]], Awaitable[list[str]]]


class Proof(NamedTuple):
    """The schedule in which two meet where something can happen, and comes to nothing.

    `within_calls`: its turns are the statements of their transactions. `fault`: the one that
    strikes.
    """

    word: str
    within_calls: bool = False
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Risk:
    """What two come to, at the schedule of its `proof`, without a mechanism: its name, in words.

    `prevented_by`: the countermeasures of the two sagas that are this mechanism; `without` is it in
    words.
    """

    anomaly: Anomaly
    what: str
    without: str
    prevented_by: Sequence[Countermeasure] = ()
    proof: Proof


class Allowance(NamedTuple):
    """Why an anomaly is no harm, if `answered` is a part of how each ends whom it befalls."""

    why: str
    answered: str


@dataclass(frozen=True)
class Pair:
    """Two that meet on something, or three.

    `meet` makes what they share, of a world. `observe`: the rows that matter when both have ended,
    by names that are the same in each run. An invariant answers with what is violated, in words; it
    is given the world, what is shared and how each side ended. `locks`: the semantic locks that are
    held, in words, of which none may be left when both have ended.

    `shares`: what they meet on, as the countermeasures of their sagas name it. `risks`: what could
    happen there, and what prevents it. `allows`: the anomalies that may be, for whom, and why that
    is no harm.
    """

    name: str
    meet: Meet
    sides: Sequence[Partner]
    observe: Observe
    invariants: Sequence[PairInvariant] = ()
    locks: ListLocks | None = None
    shares: str = ""
    risks: Sequence[Risk] = ()
    allows: Mapping[Anomaly, Allowance] = field(default_factory=dict)

    @property
    def letters(self) -> str:
        """What its sides are called."""
        return SIDES[: len(self.sides)]

    @property
    def subjects(self) -> Sequence[Subject]:
        """Those of its sides that are sagas."""
        return [side.subject for side in self.sides if isinstance(side, SagaPartner)]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The workflow's type of each side that is a saga, and what any other one does."""
        return tuple(partner.kind for partner in self.sides)

    @property
    def paths(self) -> Sequence[ExecutionPath]:
        """How its sagas may run their activities."""
        known = any(isinstance(side, SagaPartner) and side.on_path for side in self.sides)
        return tuple(ExecutionPath) if known else (ExecutionPath.REGULAR,)


async def each_keeps_its_promises(
    world: Any, _: Any, endings: Mapping[str, PartnerEnding]
) -> list[str]:
    """A PairInvariant: what the subject of each side asks of a saga of its kind."""
    wrong = []
    for letter, partner in endings.items():
        saga = partner.saga
        if saga is None:
            continue
        for invariant in saga.subject.invariants:
            said = await invariant(world, saga.case, saga.ending)
            wrong += [f"{letter}: {violation}" for violation in said]
    return wrong
