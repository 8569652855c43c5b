"""Notes on blocked steps, and operators' words among them, as the barrier has them on record.

A note is kept twice, in one transaction: as an event of its order, for whoever looks at that, and
as the reply in the barrier, by its saga. So what was said of a saga is found by the saga's id, even
where the event does not tell it, since it is from before it did.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Reason
from contracts.orders import BEGIN_RETURN, BY_HAND, StepNote
from saga.participant import Op, State, StepKey
from services.order.tables import barrier

NOTES = "note"  # how the steps begin that the kernel's notes have for a key
SAID = 16  # hexadecimal digits of a digest; enough to tell the notes of one saga apart
BY_OPERATOR = Reason(code="ended_by_operator", detail="an operator ended the return")


def key_of(key: StepKey, digest: str) -> StepKey:
    """The key of a note that says this.

    The kernel counts the notes of a run, and a workflow task that was lost may have counted others.
    """
    return StepKey(saga_id=key.saga_id, step=f"{key.step}/{digest[:SAID]}")


def begun_by(saga_id: str) -> StepKey:
    """The key by which this saga began to return an order."""
    return StepKey(saga_id=saga_id, step=BEGIN_RETURN)


async def words(tx: AsyncConnection, saga_id: str) -> list[StepNote]:
    """What operators said of this saga's steps after which nobody tries on, oldest first."""
    row = barrier.c
    noted = (row.op == Op.ACTION, row.state == State.DONE, row.step.startswith(NOTES))
    statement = select(row.reply).where(row.saga_id == saga_id, *noted)
    found = await tx.execute(statement.order_by(row.created_at, row.step))
    notes = [StepNote.model_validate(reply) for reply in found.scalars()]
    return [note for note in notes if note.action in BY_HAND]
