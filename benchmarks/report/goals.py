"""What is asked of the saga, as ratios in one run, and whether a run met it."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pydantic import BaseModel

from benchmarks.report.result import Summary
from benchmarks.stats import ratio

Subjects = Mapping[str, Summary]


class Goal(NamedTuple):
    """`measure` answers None for a run that lacks what it takes."""

    name: str
    bound: float
    at_least: bool
    unit: str
    needs: tuple[str, ...]
    measure: Callable[[Subjects], float | None]


class GoalResult(BaseModel, frozen=True):
    """A goal, the value of a run, and whether it met it; None if it was not measured."""

    name: str
    goal: str
    value: float | None
    met: bool | None


def _rates(above: str, below: str) -> Callable[[Subjects], float | None]:
    """None if the one below got nothing done: too short a measurement, and no goal met."""
    return lambda subjects: (
        ratio(subjects[above].rate.median, subjects[below].rate.median)
        if _has_rate(subjects[below])
        else None
    )


def _has_rate(summary: Summary) -> bool:
    return summary.rate.median > 0


def _events(subjects: Subjects) -> float | None:
    cost = subjects["saga"].cost
    return cost.history_events if cost else None


GOALS = (
    Goal(
        "saturation: PlaceOrder against default settings",
        3.0,
        True,
        "times",
        ("saga", "default"),
        _rates("saga", "default"),
    ),
    Goal(
        "saturation: PlaceOrder against DBOS",
        1.0,
        True,
        "times",
        ("saga", "dbos"),
        _rates("saga", "dbos"),
    ),
    Goal(
        "saturation: PlaceOrder against an empty workflow",
        0.6,
        True,
        "times",
        ("saga", "empty"),
        _rates("saga", "empty"),
    ),
    Goal(
        "saturation: fast path off, against default settings",
        2.0,
        True,
        "times",
        ("regular", "default"),
        _rates("regular", "default"),
    ),
    Goal(
        "alone: fast path off, median",
        110.0,
        False,
        "ms",
        ("regular",),
        lambda subjects: subjects["regular"].alone_ms.median,
    ),
    Goal(
        "CPU of an order, all processes",
        75.0,
        False,
        "ms",
        ("saga",),
        lambda subjects: subjects["saga"].cpu_ms.median,
    ),
    Goal(
        "alone: POST with Prefer: wait, against DBOS",
        1.5,
        False,
        "times",
        ("rest_wait", "dbos"),
        lambda subjects: ratio(
            subjects["rest_wait"].alone_ms.median, subjects["dbos"].alone_ms.median
        ),
    ),
    Goal("history of an order, clean", 12.0, False, "events", ("saga",), _events),
    Goal(
        "CPU of an order, 10^6 orders there against 10^4",
        1.1,
        False,
        "times",
        ("orders_1000000", "orders_10000"),
        lambda subjects: ratio(
            subjects["orders_1000000"].cpu_ms.median, subjects["orders_10000"].cpu_ms.median
        ),
    ),
)


def judge(subjects: Subjects) -> Iterator[GoalResult]:
    """Every goal."""
    for goal in GOALS:
        measured = all(name in subjects for name in goal.needs)
        value = goal.measure(subjects) if measured else None
        word = "at least" if goal.at_least else "at most"
        yield GoalResult(
            name=goal.name,
            goal=f"{word} {goal.bound:g} {goal.unit}",
            value=value,
            met=None if value is None else _is_met(goal, value),
        )


def _is_met(goal: Goal, value: float) -> bool:
    return value >= goal.bound if goal.at_least else value <= goal.bound
