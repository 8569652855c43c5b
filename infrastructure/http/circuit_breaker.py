"""A circuit breaker: who fails again and again is left alone for a while, then asked once.

    closed      all calls pass. Opens when, within `period`, `threshold` calls failed and these
                are more than half of those that ended
    open        no call passes, for `recovery` seconds
    half-open   one call passes, the probe; all others fail at once. Its success closes the
                breaker, its failure opens it again

A failure is Unavailable without `retry_after`: no answer, or none that says more. Any other
ServiceError is an answer, and so a success. Everything else, cancellation first of all, is
neither: it says nothing of whom we called. A probe that ends so gives its place to the next call.

One breaker a dependency and process; it needs no lock, since nothing is awaited here. The pattern
is Nygard's ("Release It!"); the libraries for it let every waiting call be a probe.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from saga.participant import CircuitOpen, ServiceError, Unavailable

FAILING_SHARE = 0.5  # of the calls: one bad instance of three must not bar the way to all


class BreakerState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


Observer = Callable[[str, BreakerState], None]


def ignore_state(name: str, state: BreakerState) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Limits:
    """When a breaker opens, and for how long. Times in seconds."""

    threshold: int = 5
    period: float = 10.0
    recovery: float = 5.0
    probe_wait: float = 1.0  # what those are told to wait who come while the probe is out

    def __post_init__(self) -> None:
        if self.threshold < 1 or min(self.period, self.recovery, self.probe_wait) <= 0:
            raise ValueError(f"a breaker cannot work with {self}")


class Breaker:
    """The breaker in front of `name`. `observe` hears of every change of state, with the name."""

    def __init__(
        self,
        name: str,
        limits: Limits | None = None,
        *,
        observe: Observer = ignore_state,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._limits = limits or Limits()
        self._observe = observe
        self._clock = clock
        self._state = BreakerState.CLOSED
        self._ended: deque[tuple[float, bool]] = deque()  # when a call ended, and whether well
        self._until = 0.0
        self._epoch = object()  # a new one each time it opens: what began earlier tells nothing new
        self._probe: object | None = None

    @property
    def state(self) -> BreakerState:
        """Where it stands; an open one becomes half-open with the first call that asks."""
        return self._state

    @contextmanager
    def call(self) -> Iterator[None]:
        """Make one call inside. CircuitOpen if it must not be made."""
        ticket = self._enter()
        try:
            yield
        except Unavailable as error:
            self._leave(ticket, well=error.retry_after is not None)
            raise
        except ServiceError:
            self._leave(ticket, well=True)
            raise
        except BaseException:
            if self._probe is ticket:
                self._probe = None
            raise
        self._leave(ticket, well=True)

    def _enter(self) -> object:
        """The ticket of this call: the epoch, or of a probe one of its own."""
        if self._state is BreakerState.CLOSED:
            return self._epoch
        if self._state is BreakerState.OPEN and (wait := self._until - self._clock()) > 0:
            raise self._refusal(wait)
        if self._probe is not None:
            raise self._refusal(self._limits.probe_wait)
        self._probe = object()
        self._become(BreakerState.HALF_OPEN)
        return self._probe

    def _leave(self, ticket: object, *, well: bool) -> None:
        if self._probe is ticket:
            self._probe = None
            if well:
                self._become(BreakerState.CLOSED)
            else:
                self._open()
        elif self._state is BreakerState.CLOSED and ticket is self._epoch:
            self._count(well)

    def _count(self, well: bool) -> None:
        now = self._clock()
        self._ended.append((now, well))
        while self._ended[0][0] <= now - self._limits.period:
            self._ended.popleft()
        if well:
            return
        failures = sum(not case for _, case in self._ended)
        if failures >= self._limits.threshold and failures > FAILING_SHARE * len(self._ended):
            self._open()

    def _open(self) -> None:
        self._ended.clear()
        self._epoch = object()
        self._until = self._clock() + self._limits.recovery
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        if state is not self._state:
            self._state = state
            self._observe(self.name, state)

    def _refusal(self, wait: float) -> CircuitOpen:
        return CircuitOpen(f"{self.name} is left alone: its calls failed", retry_after=wait)
