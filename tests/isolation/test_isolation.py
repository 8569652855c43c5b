"""Many clients on a running stack: their history has no anomaly that no pair allows.

`OPERATIONS`, `CLIENTS` and `SEED` say how many, how many at once, and what is drawn.
"""

import os
from pathlib import Path

import pytest

from tests.isolation.proof import prove
from tests.isolation.recorder import record_changes
from tests.isolation.workload import Workload
from tests.support.stack import running_stack

OPERATIONS = int(os.environ.get("OPERATIONS") or 600)
CLIENTS = int(os.environ.get("CLIENTS") or 40)
SEED = int(os.environ.get("SEED") or 1)
SETTLED_WITHIN = 180.0  # seconds

pytestmark = pytest.mark.isolation


async def test_many_at_once_come_to_what_the_table_allows(tmp_path: Path) -> None:
    async with running_stack(tmp_path, workers=1) as stack:
        await record_changes(stack)
        workload = Workload(stack, SEED, CLIENTS)
        async with workload.opened():
            verdict = await prove(workload, operations=OPERATIONS, patience=SETTLED_WITHIN)
    print(verdict.tell())
    assert (verdict.open, workload.given_up) == (frozenset(), 0)
    assert not verdict.failures, verdict.tell()
