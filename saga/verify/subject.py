"""A saga to verify: how to start a fresh one, and what must be true when it has ended."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from saga import SagaDefinition, Step
from saga.verify.cases import Case
from saga.verify.extension import Extension

# A deadline that a single step's patience outlasts, so that it can strike at every step.
HASTE = timedelta(minutes=2)


Invariant = Callable[[Any, Any, Any], Awaitable[list[str]]]
Refusal = Callable[[Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Subject:
    """One saga. An invariant answers with what is violated, in words; nothing if it holds.

    It is given the world, the case and its ending. `world` opens what all runs share: an object
    with `activities` (bound, those of every queue), and if need be `interceptors` of workers,
    further `workflows`, and the data `converter`.
    `make` starts nothing; its second argument is whether the saga takes the fast path, which is
    False if there is no `fast_path`. `status` reads what the workflow's outcome claims: `completed`
    after a run without a fault, else `rejected`, `cancelled` or `timed_out`.

    The workflow has the query `saga`. `cancel`: the argument of its Update `cancel`; None if it has
    none. `resolves`: whether it has the Update `resolve`, without which what is parked can only be
    tried again. `answers`, by waiting step: what its Update `answer` is given. `refusals`, by
    activity: changes the world so that its service refuses it. `queue` is the workflow's, if it is
    not that of the first step. `stretch`: makes the argument that of a saga which attempts
    consecutive steps together first (`saga.stretch`); None if it never does.
    """

    workflow: Any
    definition: SagaDefinition
    make: Callable[[Any, bool], Awaitable[Case]]
    status: Callable[[Any], str]
    completed: str
    invariants: Sequence[Invariant]
    world: Callable[[], AbstractAsyncContextManager[Any]] | None = None
    cancel: Any = None
    resolves: bool = False
    fast_path: bool = False
    stretch: Callable[[Any], Any] | None = None
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    answers: Mapping[str, Callable[[Case], Any]] = field(default_factory=dict)
    queue: str = ""
    extension: Extension = field(default_factory=Extension)

    @property
    def name(self) -> str:
        """The workflow's type."""
        return self.definition.name

    @property
    def steps(self) -> Sequence[Step[Any, Any]]:
        """All its steps, in order."""
        return [*self.definition]

    @property
    def can_be_hurried(self) -> bool:
        """Whether its deadline can be shortened: its workflow has it as `definition`."""
        return hasattr(self.workflow, "definition")
