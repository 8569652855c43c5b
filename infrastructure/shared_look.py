"""A look at something that is slow to make, shared by all who ask within a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
MOST = 5.0  # seconds that a look is good for since it was slow; a freeze is over as it ends


@dataclass(frozen=True)
class _Made(Generic[T]):
    """What was found, when, and for how many seconds it is good enough."""

    found: T
    at: float
    lasts: float


class SharedLook(Generic[T]):
    """Looks anew when the last look is older than `age` seconds, or than it took to make.

    So it is looked for half of the time at most, however many ask; more, if a look takes over MOST.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], age: float) -> None:
        self._make = make
        self._age = age
        self._lock = asyncio.Lock()
        self._made: _Made[T] | None = None
        self._making: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The newest look. Raises what making it does."""
        async with self._lock:
            began = time.monotonic()
            if self._made is None or began - self._made.at > self._made.lasts:
                found, ended = await self._make(), time.monotonic()
                self._made = _Made(found, ended, max(self._age, min(ended - began, MOST)))
            return self._made.found

    async def get_within(self, seconds: float) -> T | None:
        """The newest look, or if that takes longer, the one before; None if there was none.

        A look that takes longer goes on, for whoever asks next. Raises what making it does.
        """
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self.get())
        done, _ = await asyncio.wait({self._making}, timeout=seconds)
        if done:
            return self._making.result()
        return self._made.found if self._made else None
