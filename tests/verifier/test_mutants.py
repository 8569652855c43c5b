"""A verifier that cannot fail is worth nothing: each safety mechanism is missed when it is gone."""

from pathlib import Path

import pytest

from invariants.environment import OrderWorld
from saga.verify import campaign, run
from saga.verify.faults import WorkerMode
from saga.verify.report import Report
from saga.verify.schedules.plan import Plan
from tests.verifier import mutants, mutants_of_lives, mutants_of_stretches
from tests.verifier.conftest import GONE
from tests.verifier.mutant import Mutant

# Longer than the slowest of these runs takes; what a mutant leaves open is open for good.
STUCK = 60.0

MUTANTS = (*mutants.MUTANTS, *mutants_of_lives.MUTANTS, *mutants_of_stretches.MUTANTS)

VERIFYING = Path(__file__).parents[2] / "docs" / "verifying.md"


@pytest.mark.verifier
@pytest.mark.filterwarnings(GONE)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda it: it.mechanism)
async def test_a_missing_safety_mechanism_is_found(
    verified: OrderWorld, plans: dict[str, Plan], monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    schedules = [
        schedule
        for schedule in plans[mutant.subject.name].singles()
        if schedule.name.startswith(mutant.schedule)
        and schedule.path is mutant.path
        and (schedule.mode is WorkerMode.CACHED or mutant.path.is_stretch)
    ]

    async def failures() -> Report:
        results = await campaign.verify(verified, mutant.subject, schedules)
        return Report(mutant.subject.name, results=results)

    sound = await failures()
    assert sound.results
    assert not sound.failures, sound.story(sound.failures[0])
    if mutant.before:
        await mutant.before(verified)
    monkeypatch.setattr(run, "PATIENCE", STUCK)
    monkeypatch.setattr(mutant.owner, mutant.name, mutant.replacement)
    try:
        broken = await failures()
    finally:
        monkeypatch.undo()
        if mutant.after:
            await mutant.after(verified)
    said = [violation for failure in broken.failures for violation in failure.violations]
    assert any(mutant.says in record for record in said), said


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda it: it.mechanism)
def test_the_docs_have_every_mutant_and_what_catches_it(mutant: Mutant) -> None:
    rows = [line for line in VERIFYING.read_text().splitlines() if line.startswith("|")]
    assert any(mutant.mechanism in row and f"`{mutant.schedule}`" in row for row in rows)
