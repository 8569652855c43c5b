"""Money: an account is charged, or gets back what it was charged. No payment is ever deleted."""

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from saga.participant import Rejected, StepKey
from travel.messages import Charge
from travel.services.participant import Done, Participant, columns, of_step
from travel.tables import accounts, payments


class Accounts(Participant):
    """A bank's."""

    async def charge(self, key: StepKey, command: Charge) -> None:
        """Take the money. Rejected `insufficient_funds` if there is not so much."""

        async def effect(tx: AsyncConnection) -> Done:
            enough = (accounts.c.account == command.account) & (
                accounts.c.balance >= command.amount
            )
            take = update(accounts).where(enough)
            taken = await tx.execute(take.values(balance=accounts.c.balance - command.amount))
            if taken.rowcount == 0:
                raise Rejected("insufficient_funds", f"{command.account} lacks {command.amount}")
            await tx.execute(insert(payments).values(columns(key, command)))
            return Done()

        await self._do(key, command, effect)

    async def refund(self, key: StepKey, command: Charge) -> None:
        """Undo `charge`."""

        async def undo(tx: AsyncConnection) -> Done:
            payment = update(payments).where(of_step(payments, key))
            await tx.execute(payment.values(refunded=True))
            give_back = update(accounts).where(accounts.c.account == command.account)
            await tx.execute(give_back.values(balance=accounts.c.balance + command.amount))
            return Done()

        await self._undo(key, command, undo, Done())
