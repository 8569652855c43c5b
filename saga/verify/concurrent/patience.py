"""Gives attempts that stand at the gate the time that they need there.

On the fast path and in a stretch an attempt has a second or two, so that nobody waits for it for
long. Here one waits for the other side's calls, and would be given up, and made again on its queue.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from unittest.mock import patch

from saga import activity_execution
from saga.stretch import execution

LONG = timedelta(minutes=1)
BOUNDS = (
    (activity_execution, "SHORT"),
    (execution, "SHORT"),
    (execution, "LONGEST_LOCALLY"),
    (execution, "LONGEST_ON_QUEUE"),
)


@contextmanager
def patient_attempts() -> Iterator[None]:
    """While this lasts, only a step's own time-out bounds an attempt."""
    with ExitStack() as stack:
        for module, name in BOUNDS:
            stack.enter_context(patch.object(module, name, LONG))
        yield
