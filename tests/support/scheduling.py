"""How tests are spread over processes: what takes longest first, so that no process is left over.

A file's tests stay in one process, and so do the files that share a stack.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/cli", "tests/gateway")  # each has one stack, or one gateway, for its folder
# Whatever takes more than half a minute, the longest first.
LONGEST = (
    # the long proofs
    "tests/restore/test_restore.py",
    "tests/verifier/test_mutants.py",
    "tests/verifier/test_verify.py",
    "tests/isolation/test_missing_mechanisms.py",
    "tests/chaos/test_chaos.py",
    "tests/topology/test_topology.py",
    "tests/isolation/test_isolation.py",
    "tests/saga/test_many_words.py",
    "examples/travel/tests/test_mutants.py",
    "tests/engine/test_verify.py",
    "examples/travel/tests/test_verified.py",
    "tests/restore/test_stack.py",
    "tests/fuzz/test_fuzz.py",
    # and all others
    "tests/cli",
    "tests/docs/test_drills.py",
    "tests/docs/test_rollout.py",
    "tests/docs/test_operating.py",
    "tests/workflows/test_ledger_audit.py",
    "tests/workflows/test_cancellation.py",
    "tests/audits/test_restored_evidence.py",
    "tests/workflows/test_audit.py",
    "tests/audits/test_bounds.py",
    "tests/services/payment/test_payment_crash.py",
    "tests/workflows/test_many_words.py",
    "tests/docs/test_outage.py",
    "tests/versions/test_versions.py",
    "tests/docs/test_commands.py",
    "tests/docs/test_encryption.py",
    "tests/stack/test_ends.py",
    "tests/stack/test_running.py",
    "tests/fifth/test_fifth_service.py",
    "tests/library/test_distribution.py",
    "tests/saga/test_runner.py",
)


def unit_of(nodeid: str) -> str:
    """What a test stays in one process with: its file, or its folder."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    return folder if folder in TOGETHER else file


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests, unit by unit: those that are known to take long, then those that have many."""
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(unit_of(item.nodeid), []).append(item)
    ranks = {unit: rank for rank, unit in enumerate(LONGEST)}

    def rank(unit: str) -> tuple[int, int]:
        return ranks.get(unit, len(ranks)), -len(units[unit])

    return [item for unit in sorted(units, key=rank) for item in units[unit]]


class UnitScheduling(LoadFileScheduling):  # type: ignore[misc]
    """As `--dist loadfile`, by units and in the order in which tests are collected."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def remove_node(self, node: Any) -> str | None:
        """The test in which the process died, if it did; what it had left is for others.

        xdist hands on the units that it had done, too. Whoever got such a one would have nothing
        to do, ask for nothing more, and wait with its last test for ever.
        """
        units = self.assigned_work[node]
        for unit in [unit for unit, tests in units.items() if all(tests.values())]:
            del units[unit]
        crashed: str | None = super().remove_node(node)
        return crashed

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
