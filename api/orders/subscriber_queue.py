"""The queue of one subscriber to live events, see `live_events`."""

import asyncio

from contracts.event_records import PositionedEvent

MOST_KEPT = 500  # events


class SubscriberQueue:
    """What has been read for one subscriber, and not been taken yet; bounded."""

    def __init__(self) -> None:
        self._events: list[PositionedEvent] = []
        self._filled = asyncio.Event()
        self.overflowed = False
        self.ended = False

    def put(self, event: PositionedEvent) -> None:
        """Add an event. If there is no room, forget all, and say so."""
        if len(self._events) >= MOST_KEPT:
            self.overflowed = True
            self._events.clear()
        elif not self.overflowed:
            self._events.append(event)
        self._filled.set()

    def end(self) -> None:
        """Wake the subscriber for the last time: what it was told is not on record any more."""
        self.ended = True
        self._filled.set()

    async def take(self) -> list[PositionedEvent]:
        """All there is, as soon as there is something; nothing if it has overflowed."""
        await self._filled.wait()
        self._filled.clear()
        taken, self._events = self._events, []
        return taken

    def restart(self) -> None:
        """Begin with nothing: the subscriber reads for itself what was put in until now."""
        self._events.clear()
        self.overflowed = False
