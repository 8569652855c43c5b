"""Commands as a reader of the documents pastes them into a shell."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path


def bash(
    text: str, *, cwd: Path, env: Mapping[str, str], within: float
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. TimeoutExpired after so many seconds, and nothing of it goes on then.

    A loop that waits for something would go on for ever, and slow down whatever is tested next.
    """
    with subprocess.Popen(
        ["bash", "-c", text],
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
