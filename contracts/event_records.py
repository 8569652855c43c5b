"""What an event store tells of its events."""

from typing import Any, NamedTuple

from contracts.base import Message, ToldTime
from contracts.opaque import invalid_token, number


class RecordedEvent(Message):
    """One event of a stream's history; versions count from 1."""

    version: int
    type: str
    data: dict[str, Any]
    recorded_at: ToldTime


EPOCH_BITS = 44  # of `Position.transaction` are the transaction's id; above them is the epoch
LIMIT = 2**63  # what a database can store is below


class Position(NamedTuple):
    """Where a reader of all events stands: behind everything up to this event.

    It grows along the order in which all events are read, also when the database is restored; see
    docs/adr/0050-event-order.md and 0134. With the number 0 it is a place before any event.
    """

    transaction: int
    number: int

    @property
    def before(self) -> "Position":
        """The place from which this event is the next one."""
        return Position(self.transaction, self.number - 1)

    def resume_after_restore(self, newest: "Position") -> "Position":
        """Where to go on if the log, whose newest event is given, does not know this position.

        The log was restored to an earlier moment. What it shows of older epochs was seen; what has
        happened since in the epoch that it is in now was not.
        """
        epoch = newest.transaction >> EPOCH_BITS
        if self.transaction >> EPOCH_BITS < epoch:
            return Position(self.transaction, 0)
        return Position(epoch << EPOCH_BITS, 0)

    def __str__(self) -> str:
        return f"{self.transaction}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """What `str` wrote. Rejected `invalid_cursor` for anything else."""
        transaction, _, place = text.partition("-")
        try:
            return cls(number(transaction), number(place))
        except ValueError as error:
            raise invalid_token() from error


BEGINNING = Position(0, 0)


class PositionedEvent(RecordedEvent):
    """An event as a reader of all streams gets it."""

    stream_id: str
    position: Position
