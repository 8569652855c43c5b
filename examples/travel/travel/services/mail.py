"""E-mails to travellers."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from saga.participant import StepKey
from travel.messages import SendItinerary
from travel.services.participant import Done, Participant, columns
from travel.tables import mails


class Mail(Participant):
    """Puts e-mails into the outgoing post, each once; a mail server takes them from there."""

    async def send(self, key: StepKey, command: SendItinerary) -> None:
        """Send what is booked."""

        async def effect(tx: AsyncConnection) -> Done:
            await tx.execute(insert(mails).values(columns(key, command)))
            return Done()

        await self._do(key, command, effect)
