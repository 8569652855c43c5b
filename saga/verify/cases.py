"""A case of a saga that is verified: how it began, what people said of it, and how it ended."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from saga import Resolving


@dataclass
class OperatorDecision:
    """What a person said of a step; whether it was accepted, None if no answer came.

    It may be `on_record` though none came.
    """

    step: str
    action: Resolving
    evidence: str
    who: str
    accepted: bool | None = None
    on_record: bool = False

    @property
    def settles(self) -> bool:
        """Whether the step need not be done any more, since a person said so."""
        return (self.accepted or self.on_record) and self.action is not Resolving.RETRY


@dataclass(frozen=True)
class Case:
    """A fresh saga: its workflow's id and argument, and whether it is on the fast path.

    `about`: whatever the invariants need to know of it.
    """

    workflow_id: str
    argument: Any
    fast: bool = False
    about: Any = None


@dataclass(frozen=True)
class Ending:
    """How a run ended: the status that it claims, and whether a customer's cancel was accepted.

    `status` is None if the workflow did not end as it should; `how` says it in words. `words` are
    what people said of parked steps; `left` the steps that they said need not be done, and are not.
    `lives`: whether the saga has had more than one.
    """

    status: str | None
    how: str
    accepted: bool = False
    decisions: Sequence[OperatorDecision] = ()
    left: Set[str] = frozenset()
    lives: bool = False
