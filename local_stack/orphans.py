"""Ends what a supervisor that was killed left running, by its own record of it.

On Linux the kernel has told those children to end; this waits for them, and does it elsewhere.
"""

import itertools
import signal
from pathlib import Path

from local_stack.state import state_file
from local_stack.state.state_file import ChildRecord
from local_stack.state_dir import StateDir
from local_stack.supervision.process import kill_group
from local_stack.supervision.process_identity import end

GRACE = 10.0


def clear(state_dir: Path) -> list[str]:
    """End them and forget them; their names. Call it with the lock held."""
    before = state_file.load(state_dir)
    left = [child for child in before.children if child.alive] if before else []
    by_signal = itertools.groupby(reversed(left), key=lambda child: child.stop_signal)
    for number, children in by_signal:
        _end(list(children), signal.Signals(number))
    StateDir(state_dir).stack.unlink(missing_ok=True)
    return [child.name for child in left]


def _end(children: list[ChildRecord], how: signal.Signals) -> None:
    found = [child.identity.find() for child in children if child.identity]
    processes = [process for process in found if process is not None]
    end(processes, how, GRACE)
    for process in processes:
        kill_group(process.pid)
