"""The outbox that a service may give its barrier, so that what happened is published."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import HasCTE

E_contra = TypeVar("E_contra", contravariant=True)
S = TypeVar("S", bound=HasCTE)


class Outbox(Protocol[E_contra]):
    """Writes events down in the statement that finishes an attempt, and so in its transaction."""

    def along(self, statement: S) -> S:
        """The statement with the writing of events as a part of it. Called once."""
        ...

    def rows(self, tx: AsyncConnection, events: Sequence[E_contra]) -> dict[str, Any]:
        """The parameters that have these events written; none are fine, too."""
        ...
