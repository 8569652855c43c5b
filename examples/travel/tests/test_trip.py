"""The saga, from its start to its end, on real servers. Faults are the verifier's business."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper

from saga import SagaState
from saga.verify import Case, Ending
from travel.insurance import Child
from travel.invariants import INVARIANTS
from travel.messages import Approval, Cancel, InsuranceOutcome, Status, TripRecord
from travel.queue import QUEUE
from travel.subject import make_trip, rent_out_all_cars, sell_out_the_hotel
from travel.trip import APPROVAL, BookTrip
from travel.world import World

Handle = WorkflowHandle[BookTrip, TripRecord]
LONGEST = 60  # seconds


@pytest.fixture
async def case(world: World) -> Case:
    return await make_trip(world, fast=False)


async def started(client: Client, case: Case) -> Handle:
    return await client.start_workflow(
        BookTrip.run, case.argument, id=case.workflow_id, task_queue=QUEUE
    )


async def waiting(client: Client, case: Case) -> Handle:
    """Started, and asked for approval."""
    saga = await started(client, case)
    async with asyncio.timeout(LONGEST):
        while (await saga.query(BookTrip.saga)).state is not SagaState.WAITING:
            await asyncio.sleep(0.05)
    return saga


async def answer(saga: Handle, approved: bool) -> None:
    await saga.execute_update(BookTrip.answer, args=[APPROVAL.name, Approval(approved=approved)])


async def judged(world: World, case: Case, saga: Handle) -> TripRecord:
    """How it ended, if all that must be true is so."""
    async with asyncio.timeout(LONGEST):
        ended = await saga.result()
    for holds in INVARIANTS:
        assert await holds(world, case, Ending(ended.status, how="")) == []
    return ended


async def test_a_trip_is_booked_when_its_traveller_approves(
    world: World, client: Client, case: Case
) -> None:
    saga = await waiting(client, case)
    await answer(saga, approved=True)
    assert await judged(world, case, saga) == TripRecord(status=Status.BOOKED)


async def test_nothing_stays_booked_when_its_traveller_declines(
    world: World, client: Client, case: Case
) -> None:
    saga = await waiting(client, case)
    await answer(saga, approved=False)
    ended = await judged(world, case, saga)
    assert ended == TripRecord(status=Status.REJECTED, reason="declined")


async def test_nothing_stays_booked_when_nobody_answers_in_two_days(
    world: World, client: Client, case: Case
) -> None:
    saga = await started(TimeSkipper(client).client, case)
    ended = await judged(world, case, saga)
    assert ended == TripRecord(status=Status.TIMED_OUT, reason="approval_timed_out")


async def test_a_traveller_may_cancel_until_the_trip_is_booked(
    world: World, client: Client, case: Case
) -> None:
    saga = await waiting(client, case)
    await saga.execute_update(BookTrip.cancel, Cancel(reason="ill"))
    ended = await judged(world, case, saga)
    assert ended == TripRecord(status=Status.CANCELLED, reason="cancelled_by_traveller")


@pytest.mark.parametrize(
    ("others", "reason"), [(sell_out_the_hotel, "sold_out"), (rent_out_all_cars, "no_car")]
)
async def test_what_others_took_first_undoes_the_trip(
    world: World, client: Client, case: Case, others: Any, reason: str
) -> None:
    await others(world, case)
    ended = await judged(world, case, await started(client, case))
    assert ended == TripRecord(status=Status.REJECTED, reason=reason)


async def test_an_insurance_that_was_bought_is_undone_with_the_trip(
    world: World, client: Client, case: Case
) -> None:
    """The account can pay the premium, and not the price."""
    dear = case.argument.model_copy(update={"price": 99_000})
    case = Case(case.workflow_id, dear, about=dear)
    saga = await waiting(client, case)
    insurance: Child = client.get_workflow_handle(
        f"{case.workflow_id}/insurance", result_type=InsuranceOutcome
    )
    assert (await insurance.result()).status == "insured"
    await answer(saga, approved=True)
    ended = await judged(world, case, saga)
    assert ended == TripRecord(status=Status.REJECTED, reason="insufficient_funds")
    assert (await insurance.result()).reason == "called_off"
