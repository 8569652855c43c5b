"""A process of tests that dies costs the test in which it does, and not the end of the run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.support.scheduling import UnitScheduling


def pytest_xdist_make_scheduler(config, log):
    return UnitScheduling(config, log)
"""
GOOD = """
def test_it():
    pass
"""
DYING = """
import os
from pathlib import Path


def test_it():
    died = Path(__file__).with_name("died")
    if not died.exists():
        died.touch()
        os._exit(3)
"""


def test_a_run_ends_though_a_process_dies(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(20):
        (tmp_path / f"test_{number:02}.py").write_text(DYING if number == 12 else GOOD)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", str(tmp_path)],
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 failed, 20 passed" in run.stdout, run.stdout + run.stderr
    assert "crashed while running 'test_12.py::test_it'" in run.stdout
