"""`python -m cli.drill.freezer PID BORN SECONDS`: stops a process for a while, and lets it go on.

It goes on too if this one is told to end.
"""

import signal
import sys
import time

import psutil

from local_stack.supervision.process_identity import Identity


def freeze(process: psutil.Process, seconds: float) -> None:
    """Stop it for so many seconds, or until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        process.suspend()
        time.sleep(seconds)
    finally:
        process.resume()


if __name__ == "__main__":
    pid, born, seconds = sys.argv[1:]
    if found := Identity(pid=int(pid), born=float(born)).find():
        freeze(found, float(seconds))
