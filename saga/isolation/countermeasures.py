"""What keeps a saga apart from others that meet it, said with the saga.

A saga has no isolation: others see what its steps have done before it has ended. What is done
about that has names since Frank and Zahle ("Semantic ACID properties in multidatabases", 1998).
What is said here is read by people, by the linter (`saga.lint`) and by who verifies pairs of sagas;
the steps and their services do it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from saga.step import Step, StepKind


@dataclass(frozen=True, kw_only=True)
class Countermeasure:
    """One means against what others may do to what the saga works `on`.

    `on` has the same name in all sagas that meet there. Steps are told by their names.
    """

    on: str

    @property
    def steps(self) -> Sequence[str]:
        """Those that carry it out; none if it is all in the saga's input."""
        return ()

    def describe(self) -> str:
        """It in words, for people."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SemanticLock(Countermeasure):
    """A mark that a step leaves on what the saga works on, until a later one takes it away.

    `taken_by` is compensatable: its compensation takes the mark away if the saga is undone.
    """

    taken_by: str
    released_by: str

    @property
    def steps(self) -> Sequence[str]:
        """Who takes it, and who releases it."""
        return (self.taken_by, self.released_by)

    def describe(self) -> str:
        """From when to when."""
        return (
            f"semantic lock on {self.on}: from {self.taken_by} to {self.released_by}, or until"
            f" {self.taken_by} is undone"
        )


@dataclass(frozen=True, kw_only=True)
class HeedsLock(Countermeasure):
    """A step that meets the lock of another saga: refused by this code, or waiting for it.

    It `waits` for no longer than an action of its kind may: its patience, or until it parks.
    """

    at: str
    refused_as: str = ""

    @property
    def steps(self) -> Sequence[str]:
        """Who meets it."""
        return (self.at,)

    @property
    def waits(self) -> bool:
        """Whether it waits; else it is refused."""
        return not self.refused_as

    def describe(self) -> str:
        """What becomes of who meets it."""
        does = "waits" if self.waits else f"is refused as {self.refused_as}"
        return f"{self.at} {does} while another saga has the lock on {self.on}"


@dataclass(frozen=True, kw_only=True)
class CommutativeUpdate(Countermeasure):
    """These steps move by differences: they come to the same in whatever order."""

    by: Sequence[str]

    @property
    def steps(self) -> Sequence[str]:
        """Who moves."""
        return self.by

    def describe(self) -> str:
        """Of what, and by which steps."""
        return f"commutative update of {self.on}: by {', '.join(self.by)}"


@dataclass(frozen=True, kw_only=True)
class Reread(Countermeasure):
    """A step looks again at what it decides by, in the transaction that writes."""

    at: str

    @property
    def steps(self) -> Sequence[str]:
        """Who looks again."""
        return (self.at,)

    def describe(self) -> str:
        """By whom."""
        return f"re-read of {self.on}: by {self.at}, as it writes"


@dataclass(frozen=True, kw_only=True)
class ByValue(Countermeasure):
    """It is in the saga's input as it was when that began, and nobody looks at it again."""

    def describe(self) -> str:
        """What is."""
        return f"{self.on} by value: as it was when the saga was accepted"


def check_countermeasures(
    saga: str, steps: Sequence[Step[Any, Any]], countermeasures: Iterable[Countermeasure]
) -> None:
    """ValueError, and how to mend it, for what the saga's steps cannot carry out as it is said."""
    names = [step.name for step in steps]
    kinds = {step.name: step.kind for step in steps}
    for each in countermeasures:
        for name in each.steps:
            if name not in names:
                raise ValueError(f"saga {saga}: {each.describe()}: it has no step {name}")
        if not isinstance(each, SemanticLock):
            continue
        if kinds[each.taken_by] is not StepKind.COMPENSATABLE:
            how = "nobody releases it when the saga is undone: take it by a compensatable step"
            raise ValueError(f"saga {saga}: {each.describe()}: {how}")
        if names.index(each.released_by) <= names.index(each.taken_by):
            how = "it is released before it is taken: release it by a later step"
            raise ValueError(f"saga {saga}: {each.describe()}: {how}")
