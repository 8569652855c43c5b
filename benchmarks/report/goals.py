"""What is asked of the saga, as ratios in one run, and whether a run met it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel

from benchmarks.report.result import Summary, Turn, summary
from benchmarks.stats import Spread, ratio

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
    """A goal, the value of a run, and whether it met it; None if it was not measured.

    `rounds`: the same of each round by itself, if there are several; what was counted has none.
    """

    name: str
    goal: str
    value: float | None
    met: bool | None
    rounds: Spread | None = None


def _rates(above: str, below: str) -> Callable[[Subjects], float | None]:
    """None if the one below got nothing done: too short a measurement, and no goal met."""
    return lambda subjects: (
        ratio(subjects[above].rate.median, subjects[below].rate.median)
        if _has_rate(subjects[below])
        else None
    )


def _alone(above: str, below: str) -> Callable[[Subjects], float | None]:
    return lambda subjects: ratio(subjects[above].alone_ms.median, subjects[below].alone_ms.median)


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
        "saturation: PlaceOrder against DBOS with SQL of its own",
        1.2,
        True,
        "times",
        ("saga", "dbos_own"),
        _rates("saga", "dbos_own"),
    ),
    Goal(
        "saturation: PlaceOrder against DBOS by our services",
        0.85,
        True,
        "times",
        ("saga", "dbos"),
        _rates("saga", "dbos"),
    ),
    Goal(
        "alone: PlaceOrder against DBOS by our services",
        1.2,
        False,
        "times",
        ("saga", "dbos"),
        _alone("saga", "dbos"),
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
        3.0,
        True,
        "times",
        ("regular", "default"),
        _rates("regular", "default"),
    ),
    Goal(
        "alone: fast path off, median",
        85.0,
        False,
        "ms",
        ("regular",),
        lambda subjects: subjects["regular"].alone_ms.median,
    ),
    Goal(
        "CPU of an order, all processes",
        48.0,
        False,
        "ms",
        ("saga",),
        lambda subjects: subjects["saga"].cpu_ms.median,
    ),
    Goal(
        "alone: POST with Prefer: wait, against DBOS with SQL of its own",
        1.2,
        False,
        "times",
        ("rest_wait", "dbos_own"),
        _alone("rest_wait", "dbos_own"),
    ),
    Goal("history of an order, clean", 7.0, False, "events", ("saga",), _events),
    Goal(
        "alone: PlaceOrder, median",
        45.0,
        False,
        "ms",
        ("saga",),
        lambda subjects: subjects["saga"].alone_ms.median,
    ),
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


def judge(subjects: Subjects, turns: Sequence[Turn] = ()) -> Iterator[GoalResult]:
    """Every goal. Those that were measured in several of these turns also by round."""
    rounds = [*_summarize_rounds(subjects, turns)]
    for goal in GOALS:
        measured = all(name in subjects for name in goal.needs)
        value = goal.measure(subjects) if measured else None
        word = "at least" if goal.at_least else "at most"
        yield GoalResult(
            name=goal.name,
            goal=f"{word} {goal.bound:g} {goal.unit}",
            value=value,
            met=None if value is None else _is_met(goal, value),
            rounds=_measure_rounds(goal, rounds),
        )


def _summarize_rounds(subjects: Subjects, turns: Sequence[Turn]) -> Iterator[Subjects]:
    """What each round alone comes to."""
    for number in sorted({turn.round for turn in turns}):
        of_round = [turn for turn in turns if turn.round == number]
        yield {
            turn.subject: summary(turn.subject, "", subjects[turn.subject].at_once, [turn], None)
            for turn in of_round
        }


def _measure_rounds(goal: Goal, rounds: Sequence[Subjects]) -> Spread | None:
    """None if there are fewer than two, or nothing that is measured by round."""
    found = [goal.measure(of_round) for of_round in rounds if of_round.keys() >= {*goal.needs}]
    values = [value for value in found if value is not None]
    return Spread.of(values) if len(values) > 1 else None


def _is_met(goal: Goal, value: float) -> bool:
    return value >= goal.bound if goal.at_least else value <= goal.bound
