"""Documents that are good until they are revoked: vouchers, policies, requests to approve."""

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from saga.participant import StepKey
from travel.messages import Document
from travel.services.participant import Done, Participant, columns, of_step
from travel.tables import documents


class Documents(Participant):
    """An office that issues them."""

    async def issue(self, key: StepKey, command: Document) -> None:
        """Issue the document."""

        async def effect(tx: AsyncConnection) -> Done:
            await tx.execute(insert(documents).values(columns(key, command)))
            return Done()

        await self._do(key, command, effect)

    async def revoke(self, key: StepKey, command: Document) -> None:
        """Undo `issue`: the document stays on file, and is good for nothing."""

        async def undo(tx: AsyncConnection) -> Done:
            row = of_step(documents, key)
            await tx.execute(update(documents).where(row).values(valid=False))
            return Done()

        await self._undo(key, command, undo, Done())
