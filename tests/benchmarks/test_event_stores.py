"""The event store is measured beside `eventsourcing`; no time is asserted."""

import subprocess
import sys

import pytest


@pytest.mark.bench
def test_a_quick_run_measures_both_event_stores() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.event_store_run", "--quick"],
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    for work in ("append, 8 writers", "read all", "relay"):
        row = next(line for line in ran.stdout.splitlines() if work in line)
        ours, theirs = (int(cell.split()[0]) for cell in row.split("│")[2:4])
        assert ours > 0, row
        assert theirs > 0, row
