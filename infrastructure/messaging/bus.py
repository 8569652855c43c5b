"""The event bus as its users see it; PostgreSQL and NATS JetStream are behind it, by setting.

Delivery is at least once, and in the order of publishing for each subject. A subject belongs to a
lane; a lane is worked on by one consumer of a subscription at a time, and lanes side by side.
"""

import logging
import zlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from contracts.events.cloudevents import CloudEvent

log = logging.getLogger(__name__)
LANES = 4

# Handles an event: None when it is done with, or the seconds after which to try again.
Deliver = Callable[[CloudEvent], Awaitable[float | None]]

# The same for what is stored as an event and is none: its id on the bus, what it is, what is wrong.
Malformed = Callable[[str, Any, str], Awaitable[float | None]]

TURN = 2.0  # seconds after which a carrier tells what it has done so far


@dataclass(frozen=True)
class Publication:
    """What became of events, by their ids. Those in neither were not tried: publish them again."""

    taken: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)  # with the reason; they never fit


class Lag(NamedTuple):
    """How far a subscription is behind: events, and the age of the oldest in seconds."""

    subscription: str
    waiting: int
    seconds: float


async def pass_over(event_id: str, what: Any, error: str) -> None:
    """Leave out what is no event, and say so."""
    log.error("the bus holds %s, which is no event: %s", event_id, error)


class Interest(Protocol):
    """What a consumer that is there for few events tells a carrier, which may make use of it.

    `deliver` must be right without: a carrier may hand out all, one by one, as soon as they come.
    """

    async def gather(self) -> None:
        """Wait for as long as events may gather before a lane is looked at."""

    async def select(self, events: Sequence[CloudEvent]) -> Collection[str]:
        """The ids of those that are to be delivered. Asked after they were read, each time."""


class Bus(Protocol):
    """Takes events from relays and gives them to subscriptions."""

    async def publish(self, events: Sequence[CloudEvent], *, again: int = 0) -> Publication:
        """Take these, in this order, as far as that goes quickly: what became of each.

        An event that was taken before is not taken twice. Unavailable if it is not known whether
        any was taken: publish the same again. `again` is not 0 if an event is to be delivered anew;
        each number of an event counts once.
        """

    async def consume(
        self,
        subscription: str,
        deliver: Deliver,
        malformed: Malformed = pass_over,
        interest: Interest | None = None,
    ) -> None:
        """Deliver all events, from the oldest that is kept, until cancelled.

        Several processes may consume one subscription: they share its lanes. What is no event goes
        to `malformed`, and the lane goes on.
        """

    async def lags(self) -> list[Lag]:
        """How far each subscription is behind."""

    async def keep_for_the_slow(self) -> None:
        """Have kept what a subscription has not passed, where the carrier forgets by itself."""

    async def forget(self, subscription: str) -> bool:
        """Let go of a subscription that is gone for ever; whether there was one.

        What only it has not passed is not kept any longer. If it comes back, it begins at the
        oldest event that is kept.
        """

    async def close(self) -> None:
        """Let go of connections."""


def lane_of(subject: str) -> int:
    """The lane of a subject: 0 to LANES - 1, the same in every process."""
    return zlib.crc32(subject.encode()) % LANES
