"""What sagas at once came to, and what it is called if no order of them comes to the same.

The names are those of the literature on isolation. They are given by what differs, as it can be
seen from outside, and not by who read what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Anomaly(StrEnum):
    """Why an outcome is that of no serial order."""

    LOST_UPDATE = "lost update"  # a row is as if one of the two had not written it
    DIRTY_READ = "dirty read"  # one was answered by what the other has undone since
    FUZZY_READ = "fuzzy read"  # one was answered by what no order of the two would show it
    WRITE_SKEW = "write skew"  # each by itself is right, and both together are not
    ORPHANED_LOCK = "orphaned lock"  # whoever took it has ended, and it is still held
    DEADLOCK = "deadlock"  # each waits for what the other one has


@dataclass(frozen=True)
class Outcome:
    """How all sides ended, and the rows that matter, by names that are the same in each run.

    `undone`: the sides that took back what they had done. `stuck`: those that never ended, so that
    nobody was answered anything. `held`: the locks that nobody released, if all have ended.
    `deadlocks`: how often each of them waited for another.
    """

    endings: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)
    undone: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    deadlocks: int = 0

    def equals(self, other: "Outcome") -> bool:
        """Whether nobody can tell them apart."""
        return (self.endings, self.rows) == (other.endings, other.rows)


@dataclass(frozen=True)
class Serial:
    """What they come to one after the other, in each order; and rows that they pass through:

    those at the beginning, and when only some have run.
    """

    outcomes: Sequence[Outcome]
    between: Sequence[Mapping[str, Any]]


def classify(found: Outcome, serial: Serial) -> Anomaly | None:
    """None if the outcome is that of a serial order, nobody holds a lock, and nobody hung."""
    if found.deadlocks:
        return Anomaly.DEADLOCK
    if found.held:
        return Anomaly.ORPHANED_LOCK
    if any(found.equals(outcome) for outcome in serial.outcomes):
        return None
    for side in find_odd_endings(found, serial):
        others = found.undone - {side}
        return Anomaly.DIRTY_READ if others else Anomaly.FUZZY_READ
    for name, value in found.rows.items():
        serially = [outcome.rows[name] for outcome in serial.outcomes]
        if value not in serially and value in [rows[name] for rows in serial.between]:
            return Anomaly.LOST_UPDATE
    return Anomaly.WRITE_SKEW


def find_odd_endings(found: Outcome, serial: Serial) -> dict[str, str]:
    """How those ended who are answered so in no serial order."""
    odd = {}
    for side, ending in found.endings.items():
        answers = {outcome.endings[side] for outcome in serial.outcomes}
        if side not in found.stuck and ending not in answers:
            odd[side] = ending
    return odd


def describe(found: Outcome, serial: Serial) -> list[str]:
    """What it came to, and what it should have come to, in words."""
    return [
        f"it came to {_words(found)}",
        *(f"held for good: {lock}" for lock in sorted(found.held)),
        *(f"one after the other, to {_words(outcome)}" for outcome in serial.outcomes),
    ]


def _words(outcome: Outcome) -> str:
    said = {**outcome.endings, **outcome.rows}
    return ", ".join(f"{name}: {value}" for name, value in said.items())
