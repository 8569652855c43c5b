"""Every row of the table of pairs: its schedule is harmless, and without its mechanism it is not.

What a mutant comes to is compared with what the whole product comes to, one after the other.
"""

from contextlib import ExitStack, nullcontext
from typing import NamedTuple
from unittest.mock import patch

import pytest

from invariants.environment import OrderWorld
from invariants.pairs.registry import PAIRS
from invariants.pairs.statements import pause_at_statements
from saga.isolation import Countermeasure
from saga.verify import run
from saga.verify.concurrent.campaign import (
    PairOptions,
    Verdict,
    compare_with,
    judge_result,
    verify_pair,
)
from saga.verify.concurrent.faults import one_fault
from saga.verify.concurrent.pair import Pair, Risk, SagaPartner
from saga.verify.concurrent.pair_run import PairResult, run_pair
from saga.verify.concurrent.patience import patient_attempts
from saga.verify.concurrent.report import tell
from tests.verifier.conftest import GONE
from tests.verifier.mutants_of_pairs import MUTANTS
from workflows.sagas import SAGAS

STUCK = 15.0  # seconds; what a mutant leaves open is open for good


class Row(NamedTuple):
    """One of the table."""

    pair: Pair
    risk: Risk

    def __str__(self) -> str:
        return f"{self.pair.name}: {self.risk.what}"


ROWS = [Row(pair, risk) for pair in PAIRS for risk in pair.risks]


@pytest.mark.verifier
@pytest.mark.filterwarnings(GONE)
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_a_row_holds_with_its_mechanism_and_is_so_named_without(
    verified: OrderWorld, row: Row
) -> None:
    proof = row.risk.proof
    options = PairOptions(word=proof.word, shorten=False, fault=proof.fault)
    with pause_at_statements(verified) if proof.within_calls else nullcontext():
        sound = await verify_pair(verified, row.pair, options)
        assert not sound.failures, tell(sound, "saga verify --concurrent")
        *serially, met = [verdict.result for verdict in sound.verdicts]
        assert {*met.followed} == {"A", "B"}
        with ExitStack() as missing:
            for owner, name, replacement in MUTANTS[row.risk.without](verified):
                missing.enter_context(patch.object(owner, name, replacement))
            broken = await _run(verified, row)
    verdict = judge_result(broken, compare_with(serially))
    assert (verdict.anomaly, verdict.fails) == (row.risk.anomaly, True), _tell(verdict)


async def _run(world: OrderWorld, row: Row) -> PairResult:
    fault = row.risk.proof.fault
    schedules = dict(one_fault(row.pair))[fault] if fault else None
    with patient_attempts(), patch.object(run, "PATIENCE", STUCK):
        return await run_pair(world, row.pair, row.risk.proof.word, schedules)


def _tell(verdict: Verdict) -> str:
    steps = [f"{side} {what}" for side, what in verdict.result.steps]
    return "\n".join([str(verdict.anomaly), *verdict.result.violations, *verdict.said, *steps])


def test_every_pair_has_a_row_and_each_row_is_of_its_sagas() -> None:
    proven: set[Countermeasure] = set()
    for pair in PAIRS:
        sagas = [side.subject.definition for side in pair.sides if isinstance(side, SagaPartner)]
        said = {each for saga in sagas for each in saga.isolation}
        assert pair.risks
        assert pair.shares
        for risk in pair.risks:
            assert set(risk.prevented_by) <= said
            proven.update(risk.prevented_by)
    assert proven == {each for saga in SAGAS.values() for each in saga.definition.isolation}
    assert {row.risk.without for row in ROWS} == set(MUTANTS)
