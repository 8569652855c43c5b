"""A limit on how much of something happens at once in this process."""

from collections.abc import Iterator
from contextlib import contextmanager


class ConcurrencyLimit:
    """At most `most` at once, of which `in_use` are.

    Nobody queues: who exceeds the limit is told so, and decides.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.in_use = 0

    @contextmanager
    def try_acquire(self) -> Iterator[bool]:
        """Count as one for as long as the context lasts; False if the limit is reached."""
        acquired = self.in_use < self._most
        self.in_use += acquired
        try:
            yield acquired
        finally:
            self.in_use -= acquired
