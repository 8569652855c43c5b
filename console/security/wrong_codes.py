"""How many codes of sign-in links were wrong lately, so that nobody keeps the database busy.

A code has 256 random bits, so this is not what keeps it from being guessed. Each process counts by
itself.
"""

import math
import time
from collections import deque
from collections.abc import Callable

WINDOW = 60.0  # seconds
MOST = 30  # wrong codes within WINDOW


class WrongCodes:
    """Those of one API process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=MOST)

    def note(self) -> None:
        """Another one was wrong."""
        self._times.append(self._clock())

    def seconds_to_wait(self) -> int:
        """Until codes are looked at again; 0 if they are."""
        if len(self._times) < MOST:
            return 0
        return max(0, math.ceil(self._times[0] + WINDOW - self._clock()))
