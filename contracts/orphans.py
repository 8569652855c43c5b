"""Sagas that nobody carries on: how they are looked for, what is wrong, and what came of them."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from contracts.base import Message, Money


class Why(StrEnum):
    """What is wrong with the workflow of an orphan."""

    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    MISSING = "missing"
    ENDED = "ended"  # as it should, but the services do not have what it did
    PAUSED = "paused"
    UNKNOWN = "unknown"  # in a way that Temporal learned after this code
    UNREADABLE = "unreadable"  # its input or its result
    FOREIGN = "foreign"  # its id is not a saga's of an order
    CONTRADICTED = "contradicted"  # what is on record of it cannot all be true


class Remedy(StrEnum):
    """What an audit does about an orphan."""

    UNDO = "undo"  # unless its pivot had landed
    FINISH = "finish"  # its pivot had landed
    REPORT = "report"  # nothing: it takes a person


class Orphan(Message):
    """A saga that nobody carries to its end any more, though it may hold money or stock.

    `amount` is what undoing it may give back. `way_out` says what a person can do, where the audit
    does nothing. `found_at`: by the first audit that found it; None as long as that is at work.
    """

    saga_id: str
    order_id: str
    why: Why
    remedy: Remedy = Remedy.UNDO
    amount: Money | None = None
    way_out: str = ""
    found_at: datetime | None = None

    def keep_date(self, found_at: datetime | None) -> Self:
        """As it is, found then unless it was found before."""
        return self.model_copy(update={"found_at": self.found_at or found_at})


class Cursor(Message):
    """Where a search for orphans goes on: its part, and how far that is through.

    `seen` are the sagas of this page that were looked at, as not all fitted into a while.
    """

    part: int = 0
    token: str = ""
    seen: tuple[str, ...] = ()


class Search(Message):
    """Look for orphans that are older than `before`, a while at a time.

    Orders that ended are looked at from `since` on, sagas that ended from `closed_since` on.
    With `only`, the sagas of this order, whenever they ended.
    """

    before: datetime
    since: datetime
    closed_since: datetime
    only: str | None = None
    at: Cursor = Cursor()


class Found(Message):
    """Orphans, and where to go on; None when all was looked at."""

    orphans: tuple[Orphan, ...]
    following: Cursor | None


class Begun(Message):
    """An orphan as it is now, and whether its saga was started again for it.

    None if nothing is wrong with it any more.
    """

    orphan: Orphan | None
    started: bool = False


class Standing(Message):
    """Whether a saga is under way, and its order's status; None if there is no record of it."""

    saga_id: str
    is_open: bool
    status: str | None


NOT_REPAIRED = "not repaired"


class Repaired(Message):
    """What came of an orphan: its order's status now; None if there is no record of it at all.

    NOT_REPAIRED if it could not be carried on; the next audit finds it again.
    """

    orphan: Orphan
    status: str | None
