"""The outbox that a service may give its barrier, so that what happened is published."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import CTE
from sqlalchemy.sql.expression import HasCTE

E_contra = TypeVar("E_contra", contravariant=True)
S = TypeVar("S", bound=HasCTE)


class Session(Protocol):
    """A transaction, or what is to be one; `info` keeps what goes with it."""

    @property
    def info(self) -> dict[Any, Any]:
        """A place of its own."""
        ...


class Outbox(Protocol[E_contra]):
    """Writes events down in the statement that finishes an attempt, and so in its transaction."""

    def along(self, statement: S, granted: CTE | None = None) -> S:
        """The statement with the writing of events as a part of it. Called once each.

        None are written if `granted`, another part of it, has no row.
        """
        ...

    def rows(self, tx: Session, events: Sequence[E_contra]) -> dict[str, Any]:
        """The parameters that have these events written; none are fine, too."""
        ...
