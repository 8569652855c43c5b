"""Processes that only a drill needs: started beside the stack, and ended with the drill."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.drill.incident import Incident
from local_stack.supervision.process_identity import Identity, end, identify

GRACE = 5.0  # seconds


def start_process(module: str, *arguments: str, environ: Mapping[str, str], log: Path) -> Identity:
    """A module of ours as a process that goes on after this one."""
    argv: Sequence[str] = (sys.executable, "-m", module, *arguments)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            argv,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return identify(process.pid)


def end_process(made: Incident) -> None:
    """End what the drill has started, if it still runs."""
    process = made.process.find() if made.process else None
    if process is not None:
        end([process], signal.SIGTERM, GRACE)
