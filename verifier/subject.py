"""A saga to verify: how to start a fresh one, and what must be true when it has ended."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

from saga import Step
from verifier.world import World

# A deadline that a single step's patience outlasts, so that it can strike at every step.
HASTE = timedelta(minutes=2)


@dataclass(frozen=True)
class Case:
    """A fresh saga: its workflow's id and argument, and what its invariants look at."""

    workflow_id: str
    argument: Any
    order_id: str
    sku: str
    quantity: int
    total: int


@dataclass(frozen=True)
class Ending:
    """How a run ended: the status that it claims, and whether a customer's cancel was accepted.

    `status` is None if the workflow did not end as it should; `how` says it in words.
    """

    status: str | None
    how: str
    accepted: bool = False


Invariant = Callable[[World, Case, Ending], Awaitable[list[str]]]


@dataclass(frozen=True)
class Subject:
    """One saga. An invariant answers with what is violated, in words; nothing if it holds.

    `module` has the saga's `DEADLINE`. `completed` is the status of a run without a fault.
    """

    name: str
    workflow: Any
    module: ModuleType
    steps: Sequence[Step[Any, Any]]
    make: Callable[[World], Awaitable[Case]]
    cancel: Any
    completed: str
    invariants: Sequence[Invariant]
