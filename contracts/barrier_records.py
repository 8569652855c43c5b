"""What a service has on record of sagas' effects, and in which life of its database."""

from typing import Protocol

from contracts.base import Message
from saga.participant.records import StepRecord


class StepRecorder(Protocol):
    """A service that keeps a record of sagas' steps."""

    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first; empty if there is nothing."""


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
