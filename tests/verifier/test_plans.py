"""The schedules in which people, audits, restores and others meet a saga: none is left out."""

import pytest

from invariants.faults.groups import FOREIGN, SET_BACK
from invariants.faults.kinds import set_back_kind
from saga import Resolving
from saga.verify.faults import AT_THE_END, ExecutionPath, Schedule
from saga.verify.groups import DECISIONS
from saga.verify.kinds import Kind, Life
from saga.verify.schedules.plan import Plan
from saga.verify.schedules.resolutions import RESETS
from tests.verifier.conftest import GONE

pytestmark = [pytest.mark.verifier, pytest.mark.filterwarnings(GONE)]

PARKED = {
    "PlaceOrder": ("payment.refund", "inventory.release", "order.close", "inventory.commit"),
    "ReturnOrder": ("order.abandon_return", "inventory.restock", "order.complete_return"),
}
PASSED = {
    "PlaceOrder": {"payment.charge", "order.confirm", "inventory.commit"},
    "ReturnOrder": {"order.begin_return", "payment.give_back", "inventory.restock"},
}
LIVES = {ExecutionPath.REGULAR: tuple(Life), ExecutionPath.FAST: (Life.FIRST, *RESETS)}
QUESTIONS = {"PlaceOrder": "order.fence_confirm", "ReturnOrder": "payment.fence_give_back"}


def at(plan: Plan, activity: str, path: ExecutionPath) -> list[Schedule]:
    return [
        schedule
        for schedule in plan.singles()
        if schedule.path is path and schedule.faults[0].point.activity == activity
    ]


@pytest.mark.parametrize("path", LIVES)
@pytest.mark.parametrize("saga", PARKED)
async def test_every_word_is_said_of_every_step_that_can_be_parked_in_every_life(
    plans: dict[str, Plan], saga: str, path: ExecutionPath
) -> None:
    for activity in PARKED[saga]:
        said = {
            (decision, item.faults[0].life)
            for item in at(plans[saga], activity, path)
            for decisions in DECISIONS.get(item.faults[0].kind, ())
            for decision in decisions
        }
        assert said >= {(decision, life) for decision in Resolving for life in LIVES[path]}


@pytest.mark.parametrize("path", LIVES)
@pytest.mark.parametrize("saga", PARKED)
async def test_a_question_is_parked_in_every_life_and_whether_the_pivot_landed_or_not(
    plans: dict[str, Plan], saga: str, path: ExecutionPath
) -> None:
    fence = QUESTIONS[saga]
    lives = {
        item.faults[0].life
        for item in at(plans[saga], fence, path)
        if item.faults[0].kind is Kind.ONLY_RETRY
    }
    assert lives == set(LIVES[path])
    later = [
        schedule
        for schedule in plans[saga].singles()
        if schedule.faults[0].kind is Kind.ENDED_QUESTION
    ]
    ended = {item.faults[0].point for item in later if item.path is path}
    assert {run.activity for run in ended} >= PASSED[saga]


async def test_each_database_is_set_back_from_each_later_call_and_from_the_end(plan: Plan) -> None:
    struck = {
        (fault.kind, fault.then.activity if fault.then else None, fault.point)
        for schedule in plan.singles()
        if (fault := schedule.faults[0]).kind in SET_BACK
    }
    assert {kind for kind, _, _ in struck} == set(SET_BACK)
    for kind, activity in (
        (set_back_kind("order"), "order.create"),
        (set_back_kind("order"), "order.confirm"),
        (set_back_kind("inventory"), "inventory.reserve"),
        (set_back_kind("payment"), "payment.charge"),
    ):
        points = {
            point.activity for item, before, point in struck if (item, before) == (kind, activity)
        }
        assert {"inventory.commit", AT_THE_END.activity} <= points


async def test_the_same_is_started_elsewhere_at_every_moment(plans: dict[str, Plan]) -> None:
    for plan in plans.values():
        singles = plan.singles()
        struck = {
            schedule.faults[0].point for schedule in singles if schedule.faults[0].kind in FOREIGN
        }
        calls = {
            schedule.faults[0].point
            for schedule in singles
            if schedule.faults[0].kind is Kind.TWICE
        }
        assert {call for call in calls if not call.step.startswith("note")} <= struck
