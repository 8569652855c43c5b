"""Commands that do not come to an end are ended, with all that they began."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support.shell import bash
from tests.support.waiting import until


async def test_nothing_goes_on_after_a_timeout(tmp_path: Path) -> None:
    looping = "{ while true; do sleep 0.1; done; } | cat & echo $! >pid; wait"
    with pytest.raises(subprocess.TimeoutExpired):
        bash(looping, cwd=tmp_path, env=os.environ, within=1)
    pid = int((tmp_path / "pid").read_text())

    async def gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"

    await until(gone)
