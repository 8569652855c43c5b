"""Commands as a reader of the documents pastes them into a shell."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local_stack.supervision import pdeathsig_exec


def tie_to_this_process() -> tuple[str, ...]:
    """What a command line begins with whose program is to end when this process is killed."""
    tie = (sys.executable, "-I", "-S", str(pdeathsig_exec.__file__))
    return (*tie, str(os.getpid()), str(int(signal.SIGTERM)), "-")


def bash(
    text: str, *, cwd: Path, env: Mapping[str, str], within: float
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. TimeoutExpired after so many seconds, and nothing of it goes on then.

    Nor does it when this process is killed: a loop that waits for something would go on for ever,
    and slow down whatever is tested next.
    """
    with subprocess.Popen(
        [*tie_to_this_process(), "bash", "-c", text],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=within)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
