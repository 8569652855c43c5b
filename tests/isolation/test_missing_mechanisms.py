"""Many clients on a stack without a mechanism that keeps sagas apart: the checker names it."""

import os
from pathlib import Path

import pytest

from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.mutants import MUTANTS, CrowdMutant
from tests.isolation.proof import Verdict, prove
from tests.isolation.recorder import record_changes
from tests.isolation.workload import Workload
from tests.support.stack import running_stack

CLIENTS = int(os.environ.get("CLIENTS") or 40)
SEED = int(os.environ.get("SEED") or 1)
# So many operations at a time, until it is found; what it leaves open is so for good.
ROUND, ROUNDS, STUCK, GIVEN_UP = 80, 5, 3.0, 20.0

pytestmark = pytest.mark.isolation


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.mechanism)
async def test_a_missing_mechanism_is_found_and_named(tmp_path: Path, mutant: CrowdMutant) -> None:
    code = mutant.write_to(tmp_path / "code")
    async with running_stack(tmp_path, workers=1, environment={"PYTHONPATH": str(code)}) as stack:
        await record_changes(stack)
        workload = Workload(stack, SEED, CLIENTS, mutant.kinds, patience=GIVEN_UP)
        async with workload.opened():
            for _ in range(ROUNDS):
                verdict = await prove(workload, operations=ROUND, patience=STUCK)
                if mutant.anomaly in _names(verdict):
                    break
    print(verdict.tell())
    assert mutant.anomaly in _names(verdict), verdict.tell()


def _names(verdict: Verdict) -> set[Anomaly | None]:
    return {finding.anomaly for finding in verdict.failures}
