"""A goal is met, not met, or not measured; nothing is said of what a run lacks."""

import pytest

from benchmarks.report.goals import GOALS, judge
from benchmarks.report.result import Cost, Summary, Turn, summary
from benchmarks.stats import Spread
from benchmarks.usage import sum_by_kind

PEERS = ("default", "dbos", "dbos_own", "empty")
OURS = ("saga", "regular", "rest_wait", "orders_1000000")


def a_summary(name: str, *, rate: float, alone: float, cpu: float, events: float) -> Summary:
    """Of one round."""
    turn = Turn(
        subject=name,
        round=0,
        rate=rate,
        cpu_ms={"product": cpu, "harness": 1000},
        alone=(alone,),
        half=(),
    )
    cost = Cost(
        history_events=events, history_bytes=1, persistence=1, transactions=1, read_whole={}
    )
    return summary(name, name, 8, [turn], cost)


def subjects(*, rate: float, alone: float, cpu: float, events: float) -> dict[str, Summary]:
    """PlaceOrder like this, beside peers that do ten a second in 0.1 s.

    Among 10^6 orders it takes as much CPU time as given, among 10^4 1 / 1.1 of 48 ms.
    """
    few = {"rate": rate, "alone": alone, "cpu": 48 / 1.0999, "events": events}
    ours = {"rate": rate, "alone": alone, "cpu": cpu, "events": events}
    peer = {"rate": 10.0, "alone": 0.1, "cpu": 50.0, "events": 5.0}
    found = {name: a_summary(name, **ours) for name in OURS}
    found["orders_10000"] = a_summary("orders_10000", **few)
    return found | {name: a_summary(name, **peer) for name in PEERS}


def test_all_are_met_at_their_bounds() -> None:
    found = list(judge(subjects(rate=30, alone=0.045, cpu=48, events=7)))
    assert [row.met for row in found] == [True] * len(GOALS)


def test_none_is_met_just_short_of_them() -> None:
    found = list(judge(subjects(rate=5.9, alone=0.151, cpu=48.1, events=8)))
    assert [row.met for row in found] == [False] * len(GOALS)


def test_what_is_not_there_is_not_judged() -> None:
    assert {item.met for item in judge({})} == {None}


def test_ratios_are_told_by_round_too() -> None:
    rates = {"saga": (20.0, 30.0, 10.0), "dbos": (10.0, 10.0, 20.0)}
    turns = [
        Turn(subject=name, round=number, rate=rate, cpu_ms={}, alone=(0.1,), half=())
        for name, found in rates.items()
        for number, rate in enumerate(found)
    ]
    told = {
        name: summary(name, name, 8, [turn for turn in turns if turn.subject == name], None)
        for name in rates
    }
    judged = {goal.name: goal for goal in judge(told, turns)}
    goal = judged["saturation: PlaceOrder against DBOS by our services"]
    assert goal.value == 2.0
    assert goal.rounds == Spread(median=2.0, low=0.5, high=3.0, rounds=3)
    assert {goal.rounds for goal in judge(told, turns[::3])} == {None}, "one round has no spread"
    assert judged["history of an order, clean"].rounds is None


def test_the_harness_is_no_cost_and_processes_of_a_kind_are_one() -> None:
    found = a_summary("saga", rate=1, alone=1, cpu=40, events=1)
    assert found.cpu_ms.median == 40
    assert sum_by_kind({"worker-1": 1.0, "worker-12": 2.0, "api": 3.0}) == {
        "worker": 3.0,
        "api": 3.0,
    }


@pytest.mark.parametrize("name", ["saga", "dbos"])
def test_a_peer_that_did_nothing_is_no_error(name: str) -> None:
    found = subjects(rate=30, alone=0.1, cpu=48, events=7)
    found[name] = a_summary(name, rate=0, alone=0.1, cpu=1, events=1)
    list(judge(found))


def test_a_peer_that_got_nothing_done_meets_no_goal() -> None:
    found = subjects(rate=30, alone=0.045, cpu=48, events=7)
    idle = a_summary("default", rate=0, alone=0.1, cpu=50, events=5)
    judged = {item.name: item.met for item in judge(found | {"default": idle})}
    silent = [name for name, met in judged.items() if met is None]
    assert silent == [goal.name for goal in GOALS if "default" in goal.needs]
