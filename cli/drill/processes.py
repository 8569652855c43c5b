"""Processes that only a drill needs: started beside the stack, and ended with the drill."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from cli.drill.incident import Incident
from local_stack.supervision.process_identity import Identity, end, identify

GRACE = 5.0  # seconds


def start_process(module: str, *arguments: str, environ: Mapping[str, str], log: Path) -> Identity:
    """A module of ours as a process that goes on after this one."""
    argv = (sys.executable, "-m", module, *arguments)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    output = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    )
    env = {**os.environ, **environ}
    pid = os.posix_spawn(sys.executable, argv, env, file_actions=output, setpgroup=0)
    return identify(pid)


def end_process(made: Incident) -> None:
    """End what the drill has started, if it still runs."""
    process = made.process.find() if made.process else None
    if process is not None:
        end([process], signal.SIGTERM, GRACE)
