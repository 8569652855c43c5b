"""The record of trips: each is pending, then booked, or called off with the reason for it."""

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from saga.participant import Rejected, StepKey
from travel.messages import Status, TripRecord, TripRef
from travel.services.participant import Done, Participant
from travel.tables import trips


class Trips(Participant):
    """The travel agency's own."""

    async def open(self, key: StepKey, command: TripRef) -> None:
        """Record the trip as pending."""

        async def effect(tx: AsyncConnection) -> Done:
            row = {"trip_id": command.trip_id, "saga_id": key.saga_id, "status": Status.PENDING}
            await tx.execute(insert(trips).values(row))
            return Done()

        await self._do(key, command, effect)

    async def close(self, key: StepKey, command: TripRef, why: TripRecord) -> TripRecord:
        """Undo `open`: record why the trip is not booked. What is on record, now or already."""

        async def undo(tx: AsyncConnection) -> TripRecord:
            row = {"trip_id": command.trip_id, "saga_id": key.saga_id, **why.model_dump()}
            closed = insert(trips).values(row)  # if `open` never took effect, too
            await tx.execute(
                closed.on_conflict_do_update(index_elements=["trip_id"], set_=why.model_dump())
            )
            return why

        return await self._undo(key, command, undo, why)

    async def confirm(self, key: StepKey, command: TripRef) -> None:
        """Make the trip binding. Rejected `not_pending` unless this saga has it open."""

        async def effect(tx: AsyncConnection) -> Done:
            ours = (trips.c.trip_id == command.trip_id) & (trips.c.saga_id == key.saga_id)
            pending = update(trips).where(ours, trips.c.status == Status.PENDING)
            if (await tx.execute(pending.values(status=Status.BOOKED))).rowcount == 0:
                raise Rejected("not_pending", f"trip {command.trip_id} is not open")
            return Done()

        await self._do(key, command, effect)

    async def fence_confirm(self, key: StepKey) -> bool:
        """Refuse a `confirm` that has not landed; whether it has."""
        async with self._engine.begin() as tx:
            return await self._barrier.fence(tx, key)
