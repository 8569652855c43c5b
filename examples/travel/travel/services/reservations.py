"""Seats and rooms: of each there are so many, and no more."""

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from saga.participant import Rejected, StepKey
from travel.messages import Reserve
from travel.services.participant import Done, Participant, columns, of_step
from travel.tables import places, reservations


class Reservations(Participant):
    """An airline's, or a hotel's."""

    async def reserve(self, key: StepKey, command: Reserve) -> None:
        """Take the places. Rejected `sold_out` if there are not so many."""

        async def effect(tx: AsyncConnection) -> Done:
            enough = (places.c.name == command.name) & (places.c.free >= command.places)
            take = update(places).where(enough).values(free=places.c.free - command.places)
            if (await tx.execute(take)).rowcount == 0:
                raise Rejected("sold_out", f"{command.name} has no {command.places} places left")
            await tx.execute(insert(reservations).values(columns(key, command)))
            return Done()

        await self._do(key, command, effect)

    async def release(self, key: StepKey, command: Reserve) -> None:
        """Undo `reserve`."""

        async def undo(tx: AsyncConnection) -> Done:
            await tx.execute(delete(reservations).where(of_step(reservations, key)))
            there = places.c.name == command.name
            give_back = update(places).where(there).values(free=places.c.free + command.places)
            await tx.execute(give_back)
            return Done()

        await self._undo(key, command, undo, Done())
