"""A bound on how much of something happens at once in this process."""

from collections.abc import Iterator
from contextlib import contextmanager


class Bound:
    """So many places, of which `taken` are in use.

    Nobody queues: who finds no place is told so, and decides.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self.taken = 0

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Take a place for as long as the context lasts; False if there was none."""
        free = self.taken < self._places
        self.taken += free
        try:
            yield free
        finally:
            self.taken -= free
