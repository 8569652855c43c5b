"""A saga to verify: how to start a fresh one, and what must be true when it has ended."""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from contracts.orders import CreateOrder
from saga import SagaDefinition, Step
from verifier.script import Word
from verifier.world import World

# A deadline that a single step's patience outlasts, so that it can strike at every step.
HASTE = timedelta(minutes=2)


@dataclass(frozen=True)
class Case:
    """A fresh saga: its workflow's id and argument, the order, and whether on the fast path."""

    workflow_id: str
    argument: Any
    order: CreateOrder
    fast: bool


@dataclass(frozen=True)
class Ending:
    """How a run ended: the status that it claims, and whether a customer's cancel was accepted.

    `status` is None if the workflow did not end as it should; `how` says it in words. `words` are
    what people said of parked steps; `left` the steps that they said need not be done, and are not.
    `lives`: whether the saga has had more than one. `by_hand`: how many refunds people made at the
    provider. `set_back`: the services whose database was set back.
    """

    status: str | None
    how: str
    accepted: bool = False
    words: Sequence[Word] = ()
    left: Set[str] = frozenset()
    lives: bool = False
    by_hand: int = 0
    set_back: Set[str] = frozenset()


Invariant = Callable[[World, Case, Ending], Awaitable[list[str]]]
Refusal = Callable[[World, Case], Awaitable[None]]


@dataclass(frozen=True)
class Subject:
    """One saga. An invariant answers with what is violated, in words; nothing if it holds.

    `make` starts nothing; its second argument is whether the saga takes the fast path. `status`
    reads what the workflow's outcome claims: `completed` after a run without a fault, else
    `rejected`, `cancelled` or `timed_out`.
    `refusals`, by activity: changes the world so that its service refuses it.
    """

    workflow: Any
    definition: SagaDefinition
    make: Callable[[World, bool], Awaitable[Case]]
    cancel: Any
    status: Callable[[Any], str]
    completed: str
    invariants: Sequence[Invariant]
    refusals: Mapping[str, Refusal] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The workflow's type."""
        return self.definition.name

    @property
    def steps(self) -> Sequence[Step[Any, Any]]:
        """All its steps, in order."""
        return [*self.definition]
