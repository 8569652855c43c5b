"""An action as one statement, for the attempt that finds everything as it should be.

Nearly every attempt is the first of its step, and can have its effect. It then needs no transaction
of several statements: its row, its effect and its events are written by one, which is a transaction
by itself. Any other attempt writes nothing by it, and goes the way of several statements from the
start; what a repetition is told, or why there is no effect, is known there alone (`barrier`).

What makes it safe is in docs/adr/0153-clean-calls.md. Whoever writes one sees to two things. All
its parts take their rows from `granted`, so that nothing is written without that. And once it is
granted, all of them are written or the statement fails: by a constraint of a table, where something
has changed since the statement began.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel
from sqlalchemy import CTE, Select

from saga.participant.barrier_table import of_claim
from saga.participant.driver_statement import DriverStatement
from saga.participant.key import StepKey
from saga.participant.outbox import Outbox, Session

E_contra = TypeVar("E_contra", contravariant=True)


class Refused(Exception):
    """The database refuses a statement, which has changed nothing."""


class SingleStatement(Session, Protocol):
    """A transaction of one statement, which is run by the driver itself."""

    async def first(
        self, statement: DriverStatement, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Its first row, if it has one. Raises Refused."""
        ...


class CleanAction(Generic[E_contra]):
    """The statement has a row if it was granted; its events go with it."""

    def __init__(
        self, statement: Select[Any], granted: CTE, outbox: Outbox[E_contra] | None = None
    ) -> None:
        self._outbox = outbox
        self._statement = DriverStatement(
            statement if outbox is None else outbox.along(statement, granted)
        )

    async def attempt(
        self,
        single: SingleStatement,
        key: StepKey,
        digest: str,
        effect: Mapping[str, Any],
        *,
        reply: BaseModel | Mapping[str, Any] | None = None,
        events: Sequence[E_contra] = (),
    ) -> Mapping[str, Any] | None:
        """The statement's row; None if the attempt is not clean, and has written nothing.

        `effect`: the parameters of what is written beside the step's row and its events.
        """
        stored = reply.model_dump(mode="json") if isinstance(reply, BaseModel) else reply
        published = self._outbox.rows(single, events) if self._outbox is not None else {}
        parameters = of_claim(key, digest) | {"its_reply": stored} | published | dict(effect)
        try:
            return await single.first(self._statement, parameters)
        except Refused:
            return None
