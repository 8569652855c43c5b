"""What every service is made of: a database, and the barrier that decides about each attempt."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from saga.participant import StepKey
from saga.participant.barrier import Barrier
from saga.participant.digest import digest_of
from travel.tables import barrier

R = TypeVar("R", bound=BaseModel)
Effect = Callable[[AsyncConnection], Awaitable[R]]


class Done(BaseModel):
    """The reply of a step of which there is no more to tell."""


class Participant:
    """A service. Each of its methods is one transaction: the effect, and the barrier's row."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._barrier = Barrier(barrier)

    async def _do(self, key: StepKey, command: BaseModel, effect: Effect[Done]) -> None:
        """Have the effect, unless an earlier attempt had it. Compensated if it was undone."""
        digest = digest_of(type(command), command)
        async with self._engine.begin() as tx:
            await self._barrier.action(tx, key, Done, lambda: effect(tx), digest=digest)

    async def _undo(self, key: StepKey, command: BaseModel, undo: Effect[R], otherwise: R) -> R:
        """Undo the effect if there was one. The action is refused from now on.

        The reply of the first attempt that did so; `otherwise` if there was nothing to undo.
        """

        async def undo_or_reply(effect: Done | None) -> R:
            return otherwise if effect is None else await undo(tx)

        digest = digest_of(type(command), command)
        async with self._engine.begin() as tx:
            return await self._barrier.compensation(
                tx, key, Done, type(otherwise), undo_or_reply, digest=digest
            )


def columns(key: StepKey, command: BaseModel) -> dict[str, Any]:
    """A row of the step, which says what its command says."""
    return {**asdict(key), **command.model_dump()}


def of_step(table: Table, key: StepKey) -> ColumnElement[bool]:
    """The row that a step has made."""
    return (table.c.saga_id == key.saga_id) & (table.c.step == key.step)
