"""Commands that do not come to an end are ended, with all that they began."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.docs.markdown import ROOT
from tests.support.shell import bash
from tests.support.waiting import until

ENDLESS = "echo $$ > new; mv new pid; while true; do sleep 0.1; done"
PASTING = """
import os, sys
from pathlib import Path
from tests.support.shell import bash
bash(sys.argv[1], cwd=Path(sys.argv[2]), env=os.environ, within=300)
"""


async def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


async def test_nothing_goes_on_after_a_timeout(tmp_path: Path) -> None:
    looping = "{ while true; do sleep 0.1; done; } | cat & echo $! >pid; wait"
    with pytest.raises(subprocess.TimeoutExpired):
        bash(looping, cwd=tmp_path, env=os.environ, within=1)
    pid = int((tmp_path / "pid").read_text())
    await until(lambda: has_ended(pid))


async def test_nothing_goes_on_after_a_test_run_was_killed(tmp_path: Path) -> None:
    pasting = [sys.executable, "-c", PASTING, ENDLESS, str(tmp_path)]
    run = subprocess.Popen(pasting, cwd=ROOT)  # noqa: ASYNC220 - returns at once
    noted = tmp_path / "pid"

    async def has_begun() -> bool:
        return noted.exists()

    try:
        await until(has_begun)
    finally:
        run.kill()
        run.wait()
    await until(lambda: has_ended(int(noted.read_text())))
