"""A verification that cannot fail is worth nothing: each mistake is found, by a schedule's name."""

from collections.abc import AsyncIterator, Sequence

import mutants
import pytest
import pytest_asyncio
from mutants import Mutant

from saga.verify import Environment, campaign, run, running_environment
from saga.verify.faults import ExecutionPath, Schedule, WorkerMode
from saga.verify.schedules.plan import Plan
from travel.subject import SUBJECT

pytestmark = [
    pytest.mark.verifier,
    # The SDK warns if a local attempt's end and its cancel cross each other. That is no fault.
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]

STUCK = 60.0  # seconds; longer than the slowest of these runs takes, on a busy machine, too


@pytest_asyncio.fixture(scope="module")
async def environment() -> AsyncIterator[Environment]:
    """What all of them run in."""
    async with running_environment(SUBJECT) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def plan(environment: Environment) -> Plan:
    """All schedules."""
    return await campaign.plan(environment, SUBJECT)


async def test_every_fault_strikes_everywhere(plan: Plan) -> None:
    assert len(plan.singles()) > 3_000
    struck = {str(fault.point) for schedule in plan.singles() for fault in schedule.faults}
    assert struck >= {"voucher#2:vouchers.revoke", "insurance:insurance.call_off", "car:cars.find"}


async def violations(environment: Environment, schedules: Sequence[Schedule]) -> list[str]:
    results = await campaign.verify(environment, SUBJECT, schedules)
    return [violation for result in results for violation in result.violations]


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.mistake)
async def test_a_mistake_is_found(
    environment: Environment, plan: Plan, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    schedules = [
        schedule
        for schedule in plan.singles()
        if schedule.name.startswith(mutant.schedule)
        and (schedule.mode, schedule.path) == (WorkerMode.CACHED, ExecutionPath.REGULAR)
    ]
    assert schedules
    monkeypatch.setattr(run, "PATIENCE", STUCK)  # of the sound saga, too: else slowness is a find
    assert await violations(environment, schedules) == []
    monkeypatch.setattr(mutant.owner, mutant.name, mutant.replacement)
    found = await violations(environment, schedules)
    assert any(mutant.says in violation for violation in found), found
