"""What sagas have reserved and sold, as the barrier tells: its stored replies are the lines."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.barrier_records import Effects
from contracts.inventory import Holding, Reservation, ReserveStock
from contracts.names import is_return_of, workflow_id
from saga.participant import Op, State, StepKey
from saga.participant.barrier_table import ITS_REPLY
from services.inventory.stock_movements import sums
from services.inventory.tables import barrier

FOR_GOOD = 2  # actions of one saga that took effect: it reserved, and it sold what it had reserved


async def list_holdings(tx: AsyncConnection, saga_ids: Sequence[str]) -> list[Holding]:
    """What these sagas have reserved, and neither released nor sold; found by their ids.

    A reservation that was released is no longer `done`, and selling is a second action of a saga.
    What a return has done is none: it puts back what was sold.
    """
    row = barrier.c
    age = func.extract("epoch", func.now() - row.created_at).label("seconds")
    done = (row.op == Op.ACTION, row.state == State.DONE)
    statement = select(row.saga_id, row.reply, age).where(row.saga_id.in_(saga_ids), *done)
    found: dict[str, list[tuple[int, float]]] = {}
    for saga in await tx.execute(statement):
        reservation = Reservation.model_validate(saga.reply)
        if is_return_of(saga.saga_id, reservation.order_id):
            continue
        pieces = sum(line.quantity for line in reservation.lines)
        found.setdefault(saga.saga_id, []).append((pieces, float(saga.seconds)))
    return [
        Holding(saga_id=saga_id, pieces=taken[0][0], seconds=taken[0][1])
        for saga_id, taken in found.items()
        if len(taken) < FOR_GOOD
    ]


async def effects(tx: AsyncConnection, saga_ids: Sequence[str]) -> list[Effects]:
    """The steps of these sagas whose action took effect, and was not undone."""
    row = barrier.c
    done = (row.op == Op.ACTION, row.state == State.DONE)
    steps = func.array_agg(row.step)
    statement = select(row.saga_id, steps).where(row.saga_id.in_(saga_ids), *done)
    found = await tx.execute(statement.group_by(row.saga_id))
    return [Effects(saga_id=saga_id, steps=tuple(sorted(steps))) for saga_id, steps in found]


async def find_other_moves(
    tx: AsyncConnection, key: StepKey, *, hold: bool = False
) -> list[Reservation]:
    """What the other actions of this saga have moved, and was not undone.

    `hold`: nor is it until the transaction ends. Whoever undoes a reservation holds it already, so
    of releasing and selling, the second sees what the first did.
    """
    row = barrier.c
    stands = (row.op == Op.ACTION, row.state == State.DONE, row.step != key.step)
    statement = select(row.reply).where(row.saga_id == key.saga_id, *stands)
    found = await tx.execute(statement.with_for_update(read=True) if hold else statement)
    return [Reservation.model_validate(reply) for reply in found.scalars()]


def are_held() -> ColumnElement[bool]:
    """Whether another action of the step's saga has moved what its reply tells, in this order.

    It is held as by `find_other_moves`.
    """
    row = barrier.c
    its = (row.saga_id == bindparam("its_saga"), row.step != bindparam("its_step"))
    stands = (row.op == Op.ACTION, row.state == State.DONE, row.reply == ITS_REPLY)
    held = select(row.step).where(*its, *stands).with_for_update(read=True)
    return exists().select_from(held.cte("reserved"))


async def count_moves_of_order(tx: AsyncConnection, command: ReserveStock) -> int:
    """How often the saga of this order has moved these pieces: reserved (1), and sold (2)."""
    of_order = StepKey(saga_id=workflow_id(command.order_id), step="")
    moves = await find_other_moves(tx, of_order)
    return sum(same(reservation, command) for reservation in moves)


def same(moved: Reservation, command: ReserveStock) -> bool:
    """Whether these are the pieces of the command, in whatever order."""
    return moved.order_id == command.order_id and sums(moved.lines) == sums(command.lines)
