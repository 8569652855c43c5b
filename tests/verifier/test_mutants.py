"""A verifier that cannot fail is worth nothing: each safety mechanism is missed when it is gone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from infrastructure.barrier import Barrier
from saga import Saga
from tests.verifier import mutants
from verifier import campaign
from verifier.faults import Mode
from verifier.place_order import PLACE_ORDER
from verifier.plan import Plan
from verifier.report import Report
from verifier.world import World

pytestmark = pytest.mark.verifier

RESERVE, RELEASE = "inventory.reserve", "inventory.release"


class Mutant(NamedTuple):
    """What replaces what, and the schedules that must find it."""

    owner: type[Any]
    name: str
    replacement: Callable[..., Any]
    only: str


MUTANTS = [
    Mutant(Barrier, "claim", mutants.claim_without_refusal, f"{RESERVE} lands after it is undone"),
    Mutant(Barrier, "claim", mutants.claim_without_memory, f"{RESERVE} is delivered twice"),
    Mutant(Saga, "step", mutants.register_after_the_action, f"{RESERVE} every reply is lost"),
    Mutant(Saga, "_finish", mutants.finish_without_a_shield, f"{RELEASE} cancel before"),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda it: it.replacement.__name__)
async def test_a_missing_safety_mechanism_is_found(
    verified: World, plan: Plan, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    chosen = campaign.select(plan.singles(), mutant.only, (1, 1))
    schedules = [it for it in chosen if it.mode is Mode.CACHED]
    sound = Report("", await campaign.verify(verified, PLACE_ORDER, schedules), 0, 1)
    assert sound.results
    assert not sound.failures
    monkeypatch.setattr(mutant.owner, mutant.name, mutant.replacement)
    broken = Report("", await campaign.verify(verified, PLACE_ORDER, schedules), 0, 1)
    assert any(it.violations for it in broken.failures)
