"""`saga down`: stops a running stack, or what a killed one left."""

import signal
from pathlib import Path

import psutil

from local_stack import orphans
from local_stack.errors import StackError
from local_stack.state import lock, running_stacks
from local_stack.state_dir import StateDir
from local_stack.supervision.readiness import wait_blocking

BOUND = 60.0
NAMED_WITHIN = 2.0


def down(state_dir: Path) -> str:
    """Stop it and wait until it is gone; what was done. StackError if it does not go."""
    layout = StateDir(state_dir)
    if lock.is_held(layout.lock):
        _stop_supervisor(layout)
        return "stopped"
    if not layout.lock.exists():
        return _report_none(state_dir)
    with lock.try_acquire(layout.lock) as mine:
        ended = orphans.clear(state_dir) if mine else []
    if ended:
        return f"no stack runs here; ended what a killed one left: {', '.join(ended)}"
    return _report_none(state_dir)


def _report_none(state_dir: Path) -> str:
    return f"no stack runs here{running_stacks.describe_others(state_dir)}"


def _stop_supervisor(layout: StateDir) -> None:
    process = _find_supervisor(layout)
    who = f"process {process.pid}" if process else "a process that does not say its name"
    try:
        if process is not None:
            process.send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess:
        pass  # it went by itself
    except psutil.AccessDenied:
        raise StackError(f"the stack is another user's ({who})") from None
    if not wait_blocking(lambda: not lock.is_held(layout.lock), BOUND):
        raise StackError(
            f"{who} still stops the stack after {BOUND:g} s: see {layout.path / 'logs'}, "
            "or end it by `kill -9` and `saga down` again"
        )


def _find_supervisor(layout: StateDir) -> psutil.Process | None:
    """Who holds the lock; it says its name just after it took it."""

    def has_said_its_name() -> bool:
        return (found := lock.holder(layout.lock)) is not None and found.find() is not None

    wait_blocking(has_said_its_name, NAMED_WITHIN)
    found = lock.holder(layout.lock)
    return found.find() if found else None
