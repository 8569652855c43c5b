"""What every service with a barrier tells of it."""

from contracts.barrier_records import Epoch
from contracts.events.integration_events import DomainEvent
from infrastructure.postgres.database import Database
from infrastructure.postgres.epochs import epoch_of
from saga.participant.barrier import Barrier
from saga.participant.records import StepRecord


class Participant:
    """The base of a service: `StepRecorder`, and in which life of its database it is."""

    _database: Database
    _barrier: Barrier[DomainEvent]

    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga's steps here, oldest first."""
        async with self._database.statement() as tx:
            return await self._barrier.records(tx, saga_id)

    async def epoch(self) -> Epoch:
        """In which life of its database the service is."""
        async with self._database.transaction() as tx:
            return await epoch_of(tx)
