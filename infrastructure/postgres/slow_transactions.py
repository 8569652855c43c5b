"""Nothing slow happens inside a database transaction: it would keep locks while somebody dawdles.

A request to another program takes as long as that likes. PostgreSQL ends a transaction that is idle
for 8 s meanwhile, and all its work is done again, for ever if it is always as slow. So code that
leaves this process says `may_take_long`, which warns if a transaction is open. Tests treat warnings
as errors.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_OPEN: ContextVar[int] = ContextVar("transactions that are open in this task", default=0)


class SlowInTransaction(UserWarning):
    """A request goes to another program while a transaction of this task is open."""


@contextmanager
def open_transaction() -> Iterator[None]:
    """A transaction is open for the length of the block."""
    _OPEN.set(_OPEN.get() + 1)
    try:
        yield
    finally:
        _OPEN.set(_OPEN.get() - 1)


def may_take_long(what: str) -> None:
    """Say this before a request to another program."""
    if _OPEN.get() > 0:
        warnings.warn(f"{what} inside a transaction", SlowInTransaction, stacklevel=3)
