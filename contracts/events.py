"""What an event store tells of its events."""

from datetime import datetime
from typing import Any, NamedTuple

from contracts.message import Message


class RecordedEvent(Message):
    """One event of a stream's history; versions count from 1."""

    version: int
    type: str
    data: dict[str, Any]
    recorded_at: datetime


class Position(NamedTuple):
    """Where a reader of all events stands: behind everything up to this event.

    It grows along the order in which all events are read; see docs/adr/0050-event-order.md.
    """

    transaction: int
    number: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """What `str` wrote. ValueError for anything else."""
        transaction, _, number = text.partition("-")
        return cls(int(transaction), int(number))


BEGINNING = Position(0, 0)


class PositionedEvent(RecordedEvent):
    """An event as a reader of all streams gets it."""

    stream_id: str
    position: Position
