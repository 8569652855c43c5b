"""Recognising processes of an earlier life, and ending them.

A process is named by its pid *and* its time of birth, so that nobody else's is ever signalled.
"""

import contextlib
import signal
import time
from collections.abc import Sequence

import psutil
from pydantic import BaseModel

# Birth is told in clock ticks since boot, and boot by the wall clock, which may be adjusted.
SAME_BIRTH = 2.0
POLL = 0.02


class Identity(BaseModel, frozen=True):
    """One process of one life: pids are reused, births are not."""

    pid: int
    born: float

    def find(self) -> psutil.Process | None:
        """The process, or None if it is gone or its pid is somebody else's by now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.born) < SAME_BIRTH
        except psutil.NoSuchProcess:
            return None
        return process if same and alive(process) else None


def is_frozen(process: psutil.Process) -> bool:
    """Whether somebody has stopped it by a signal, so that it does nothing until it is let go."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def identify(pid: int) -> Identity:
    """Who that is now; born at 0, which nobody is, if it has ended already."""
    try:
        return Identity(pid=pid, born=psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return Identity(pid=pid, born=0.0)


def alive(process: psutil.Process) -> bool:
    """Whether it still runs. A zombie does not, even where nobody ever collects it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end(processes: Sequence[psutil.Process], how: signal.Signals, grace: float) -> None:
    """Ask them to end, and kill those that have not when the grace is over. Blocks."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)
    for process in _wait(processes, grace):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(processes, grace)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still alive when all have ended or the time is over."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(POLL)
        left = [process for process in left if alive(process)]
    return left
