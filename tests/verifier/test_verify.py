"""A bounded part of `saga verify`, and what it says of runs that prove nothing."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from activities.orders import REFUSED_BY_TOMBSTONE, UNDONE_BEFORE
from invariants.environment import OrderWorld
from invariants.faults.groups import SET_BACK
from invariants.faults.kinds import OrderFaultKind
from invariants.subjects.place_order import PLACE_ORDER
from invariants.subjects.return_order import RETURN_ORDER
from saga.participant import Compensated
from saga.participant.barrier import Barrier
from saga.verify import campaign, run
from saga.verify.campaign import VerifyOptions
from saga.verify.faults import ExecutionPath, Fault, InjectionPoint, Schedule
from saga.verify.groups import TASK_LOST
from saga.verify.kinds import Kind
from saga.verify.report import Report, page
from saga.verify.schedules.plan import Plan
from tests.verifier import mutants
from tests.verifier.conftest import GONE

pytestmark = [pytest.mark.verifier, pytest.mark.filterwarnings(GONE)]

PART = 60  # of so many schedules, one
SUBJECTS = (PLACE_ORDER, RETURN_ORDER)


async def report(world: OrderWorld, *schedules: Schedule) -> Report:
    results = await campaign.verify(world, PLACE_ORDER, schedules)
    return Report("PlaceOrder", results=results)


async def test_a_part_of_all_schedules_breaks_nothing(
    verified: OrderWorld, plans: dict[str, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = VerifyOptions(pairs=4 * PART, triples=2 * PART, shard=(1, PART))

    @contextlib.asynccontextmanager
    async def worlds() -> AsyncIterator[OrderWorld]:
        yield verified

    monkeypatch.setattr(campaign, "FRESH", 20)
    reports = await campaign.run(worlds, SUBJECTS, options, lambda *_: lambda: None)
    for found in reports:
        ran = [result.schedule.name for result in found.results]
        asked_for = {item.name for item in campaign.select(plans[found.subject].singles(), options)}
        assert len(asked_for) >= 15
        assert asked_for <= set(ran)
        assert len(set(ran)) == len(ran)
        assert not found.failures, found.story(found.failures[0])


async def test_there_are_three_thousand_single_faults_a_third_of_them_on_the_fast_path(
    plans: dict[str, Plan],
) -> None:
    singles = [schedule for plan in plans.values() for schedule in plan.singles()]
    by_path = Counter(schedule.path for schedule in singles)
    assert by_path[ExecutionPath.REGULAR] >= 2000
    assert by_path[ExecutionPath.FAST] >= 1000
    assert {schedule.faults[0].kind for schedule in singles} == {*Kind, *OrderFaultKind, *SET_BACK}


async def test_a_second_life_is_cancelled_at_each_place_that_the_first_had_passed(
    plan: Plan,
) -> None:
    singles = plan.singles()
    for path in ExecutionPath:
        ended = {
            (
                schedule.faults[0].point.activity,
                schedule.faults[0].then and schedule.faults[0].then.activity,
            )
            for schedule in singles
            if schedule.path is path and schedule.faults[0].kind is Kind.ENDED_CANCEL
        }
        for place in (None, "order.create", "user.validate", "inventory.reserve"):
            assert ("payment.charge", place) in ended
    lost = {
        schedule.faults[0].kind
        for schedule in singles
        if schedule.faults[0].point.activity == "payment.charge"
    }
    assert lost >= set(TASK_LOST)


async def test_a_fault_that_is_never_reached_fails(verified: OrderWorld) -> None:
    refund = Fault(InjectionPoint("charge_payment", "payment.refund"), Kind.FAILS_ONCE)
    found = await report(verified, Schedule((refund,)))
    assert [failure.unreached for failure in found.failures] == [[refund]]
    assert "never reached" in found.story(found.failures[0])


async def test_an_ending_that_is_not_expected_fails(verified: OrderWorld) -> None:
    reserve = Fault(InjectionPoint("reserve_inventory", "inventory.reserve"), Kind.REJECTED)
    found = await report(verified, Schedule((reserve,), expects=frozenset({"confirmed"})))
    assert "ended as rejected, not as confirmed" in found.story(found.failures[0])
    assert "is rejected" in page(found)


async def test_the_deadline_strikes_before_the_steps_patience_is_out(
    verified: OrderWorld, plan: Plan
) -> None:
    schedules = [
        schedule for schedule in plan.singles() if schedule.faults[0].kind is Kind.DEADLINE
    ]
    found = await report(verified, *schedules)
    assert not found.failures
    for result in found.results:
        assert "deadline_exceeded" in " ".join(result.diary), result.diary


async def test_no_saga_ends_for_what_its_own_tombstone_has_refused(
    verified: OrderWorld, plan: Plan
) -> None:
    """Its task is lost when it had undone a part: it meets what that has left, done again."""
    lost = [
        schedule
        for schedule in plan.singles()
        if schedule.faults[0].kind is Kind.TASK_LOST and schedule.trigger is not None
    ]
    found = await report(verified, *lost)
    assert not found.failures, found.story(found.failures[0])
    diaries = [" ".join(result.diary) for result in found.results]
    assert any(UNDONE_BEFORE in diary for diary in diaries)
    assert run.TOMBSTONE == REFUSED_BY_TOMBSTONE == Compensated("").code


async def test_every_call_forward_and_back_gets_every_fault_that_it_can_have(plan: Plan) -> None:
    struck = {
        (fault.point.activity, fault.kind)
        for schedule in plan.singles()
        for fault in schedule.faults
    }
    for activity in ("order.create", "inventory.commit", "payment.refund", "order.fence_confirm"):
        assert {kind for at, kind in struck if at == activity} >= {
            *(Kind.FAILS_ONCE, Kind.REPLY_LOST, Kind.TWICE, Kind.AT_ONCE, Kind.OVERTAKEN),
            *(Kind.CANCEL_BEFORE, Kind.CUSTOMER_AFTER, Kind.BOTH_BEFORE, Kind.RESET),
        }


async def test_names_are_unique_and_a_seed_repeats_its_combinations(plan: Plan) -> None:
    names = [schedule.name for schedule in plan.singles()]
    assert len(set(names)) == len(names)
    for size in (2, 3):
        chosen = plan.combinations(20, size, seed=7)
        assert {len({fault.point for fault in scenario.faults}) for scenario in chosen} == {size}
        assert chosen == plan.combinations(20, size, seed=7)
        assert chosen != plan.combinations(20, size, seed=8)


async def test_of_a_failing_combination_the_shortest_part_is_told(
    verified: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Barrier, "judge_claim", mutants.remember_nothing)
    user, reserve = (
        Fault(InjectionPoint("validate_user", "user.validate"), Kind.FAILS_ONCE),
        Fault(InjectionPoint("reserve_inventory", "inventory.reserve"), Kind.TWICE),
    )
    whole = await report(verified, Schedule((user, reserve)))
    cut = await campaign.shortest(verified, PLACE_ORDER, whole.results[0])
    assert cut.schedule.faults == (reserve,)
    told = Report("PlaceOrder", pairs=9, seed=3, results=[cut]).story(cut)
    assert "the shortest part of" in told
    assert f"--pairs 9 --triples 0 --seed 3 --only '{whole.results[0].schedule.name}'" in told


def test_shards_are_all_together_and_none_twice() -> None:
    point = InjectionPoint("step", "activity")
    every = [Schedule((Fault(point, kind),)) for kind in Kind]
    shards = [campaign.select(every, VerifyOptions(shard=(number, 3))) for number in (1, 2, 3)]
    assert sorted(item.name for shard in shards for item in shard) == sorted(
        schedule.name for schedule in every
    )


def test_one_path_may_be_asked_for_and_all_are_else() -> None:
    fault = Fault(InjectionPoint("step", "activity"), Kind.TWICE)
    every = [Schedule((fault,), path=path) for path in ExecutionPath]
    assert campaign.select(every, VerifyOptions()) == every
    for schedule in every:
        assert campaign.select(every, VerifyOptions(path=schedule.path)) == [schedule]


async def test_a_run_that_knows_of_a_cancel_is_not_held_until_a_second_one_comes(
    verified: OrderWorld,
) -> None:
    """Temporal tells a run of one cancel only, however often it is asked."""
    schedule = Schedule(
        (
            Fault(InjectionPoint("refund_payment", "payment.give_back"), Kind.CANCEL_BEFORE),
            Fault(InjectionPoint("restock", "inventory.restock"), Kind.TASK_LOST_CANCEL),
        ),
        path=ExecutionPath.STRETCH,
    )
    (result,) = await campaign.verify(verified, RETURN_ORDER, [schedule])
    assert not result.violations, result.diary
    assert not result.unreached
