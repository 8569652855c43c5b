"""A bounded part of `saga verify`, and what it says of runs that prove nothing."""

import pytest

from verifier import campaign
from verifier.faults import Fault, Kind, Schedule, Site
from verifier.place_order import PLACE_ORDER
from verifier.plan import Plan
from verifier.report import Report, page, story
from verifier.world import World

pytestmark = pytest.mark.verifier

PART = 30  # of so many schedules, one


async def report(world: World, *schedules: Schedule) -> Report:
    results = await campaign.verify(world, PLACE_ORDER, schedules)
    return Report("PlaceOrder", results, 1.0, seed=1)


async def test_a_part_of_all_single_faults_breaks_nothing(verified: World, plan: Plan) -> None:
    found = await report(verified, *campaign.select(plan.singles(), "", (1, PART)))
    assert len(found.results) >= 25
    assert not found.failures, story("PlaceOrder", found.failures[0], 1)


async def test_some_pairs_break_nothing(verified: World, plan: Plan) -> None:
    found = await report(verified, *plan.pairs(5, seed=1))
    assert not found.failures, story("PlaceOrder", found.failures[0], 1)


async def test_a_fault_that_is_never_reached_fails(verified: World) -> None:
    refund = Fault(Site("charge_payment", "payment.refund"), Kind.FAILS_ONCE)
    found = await report(verified, Schedule((refund,)))
    assert [it.unreached for it in found.failures] == [[refund]]
    assert "never reached" in story("PlaceOrder", found.failures[0], 1)


async def test_an_ending_that_is_not_expected_fails(verified: World) -> None:
    reserve = Fault(Site("reserve_inventory", "inventory.reserve"), Kind.REJECTED)
    found = await report(verified, Schedule((reserve,), expects=frozenset({"confirmed"})))
    assert "ended as rejected, not as confirmed" in story("PlaceOrder", found.failures[0], 1)
    assert "is rejected" in page(found)


async def test_the_deadline_strikes_before_the_steps_patience_is_out(
    verified: World, plan: Plan
) -> None:
    schedules = [it for it in plan.singles() if it.faults[0].kind is Kind.DEADLINE]
    found = await report(verified, *schedules)
    assert not found.failures
    for result in found.results:
        assert "deadline_exceeded" in " ".join(result.diary), result.diary


async def test_every_call_forward_and_back_gets_every_fault_that_it_can_have(plan: Plan) -> None:
    struck = {(it.site.activity, it.kind) for schedule in plan.singles() for it in schedule.faults}
    for activity in ("order.create", "inventory.commit", "payment.refund", "order.fence_confirm"):
        assert {kind for at, kind in struck if at == activity} >= {
            *(Kind.FAILS_ONCE, Kind.REPLY_LOST, Kind.TWICE, Kind.AT_ONCE, Kind.OVERTAKEN),
            *(Kind.CANCEL_BEFORE, Kind.CUSTOMER_AFTER, Kind.BOTH_BEFORE, Kind.RESET),
        }


async def test_names_are_unique_and_a_seed_repeats_its_pairs(plan: Plan) -> None:
    names = [schedule.name for schedule in plan.singles()]
    assert len(set(names)) == len(names)
    assert plan.pairs(20, seed=7) == plan.pairs(20, seed=7)
    assert plan.pairs(20, seed=7) != plan.pairs(20, seed=8)


def test_shards_are_all_together_and_none_twice() -> None:
    site = Site("step", "activity")
    every = [Schedule((Fault(site, kind),)) for kind in Kind]
    shards = [campaign.select(every, "", (number, 3)) for number in (1, 2, 3)]
    assert sorted(it.name for shard in shards for it in shard) == sorted(it.name for it in every)
