"""What a service has on record of a saga, its barrier's rows, and in which life of its database."""

from datetime import datetime
from enum import StrEnum

from contracts.message import Message


class Op(StrEnum):
    """Which half of a step a record stands for."""

    ACTION = "action"
    COMPENSATION = "compensation"


class State(StrEnum):
    """What became of it; a service's barrier keeps no others.

    An action: begun, took effect, took effect and was undone, or refused because its compensation
    came first. A compensation: begun or done.
    """

    STARTED = "started"
    DONE = "done"
    COMPENSATED = "compensated"
    TOMBSTONE = "tombstone"


class StepRecord(Message):
    """One row: what a step's action or compensation came to, and when it was first tried."""

    step: str
    op: Op
    state: State
    recorded_at: datetime


class Effects(Message):
    """Which steps of a saga took effect here, and were not undone."""

    saga_id: str
    steps: tuple[str, ...]


class Epoch(Message):
    """Which life of a service's database this is, and how far it has come.

    `database` stays the same until the database is restored; `transaction` only grows till then.
    """

    database: str
    transaction: int

    def continues(self, earlier: "Epoch") -> bool:
        """Whether the database was not restored since it was in this epoch, as far as it tells."""
        return self.database == earlier.database and self.transaction >= earlier.transaction
