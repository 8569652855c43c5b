"""The event bus as its users see it; PostgreSQL and NATS JetStream are behind it, by setting.

Delivery is at least once, and in the order of publishing for each subject. A subject belongs to a
lane; a lane is worked on by one consumer of a subscription at a time, and lanes side by side.
"""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from contracts.cloudevents import CloudEvent

LANES = 4

# Handles an event: None when it is done with, or the seconds after which to try again.
Deliver = Callable[[CloudEvent], Awaitable[float | None]]


class Bus(Protocol):
    """Takes events from relays and gives them to subscriptions."""

    async def publish(self, events: Sequence[CloudEvent], *, again: int = 0) -> None:
        """Take these, in this order. An event that was taken before is not taken twice.

        Unavailable if it is not known whether all were taken: publish the same again. `again` is
        not 0 if an event is to be delivered anew; each number of an event counts once.
        """

    async def consume(self, subscription: str, deliver: Deliver) -> None:
        """Deliver all events, from the oldest that is kept, until cancelled.

        Several processes may consume one subscription: they share its lanes.
        """

    async def close(self) -> None:
        """Let go of connections."""


def lane_of(subject: str) -> int:
    """The lane of a subject: 0 to LANES - 1, the same in every process."""
    return zlib.crc32(subject.encode()) % LANES
