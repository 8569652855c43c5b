"""What an audit looks for, what it found, and what the books say."""

from datetime import datetime, timedelta
from enum import StrEnum

from contracts.message import Message, Money


class AuditRequest(Message):
    """What to look at. Sagas younger than `grace` are left alone: they may just have begun.

    `ledger`: how far back the provider's captures are compared with orders; and confirmed orders
    with their stock, if that is more than a day.
    """

    grace: timedelta = timedelta(seconds=60)
    repair: bool = True
    ledger: timedelta = timedelta(hours=1)


class Why(StrEnum):
    """What is wrong with the workflow of an orphan."""

    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    MISSING = "missing"
    ENDED = "ended"  # as it should, but the services do not have what it did


class Orphan(Message):
    """A saga that nobody carries to its end any more, though it may hold money or stock."""

    saga_id: str
    order_id: str
    why: Why


NOT_REPAIRED = "not repaired"


class Repaired(Message):
    """What came of an orphan: its order's status now; None if there is no record of it at all.

    NOT_REPAIRED if it could not be carried on; the next audit finds it again.
    """

    orphan: Orphan
    status: str | None


class WhyKept(StrEnum):
    """What is wrong with money that the provider keeps."""

    STRAY = "stray"  # the payment service knows nothing of it
    UNRECORDED = "unrecorded"  # there is no record of its order, nor a saga
    CLOSED = "closed"  # its order ended without it


class LedgerWindow(Message):
    """A time: intents that were made then are compared with orders."""

    begin: datetime
    end: datetime


class Discrepancy(Message):
    """Money that the provider keeps, though no confirmed order is to be paid by it."""

    intent_id: str
    order_id: str
    saga_id: str
    amount: Money
    why: WhyKept


class Settled(Message):
    """What came of a discrepancy: the refund's id, or None if it could not be given back now."""

    discrepancy: Discrepancy
    refund_id: str | None


class Books(Message):
    """Money and stock, by the services that answer for them.

    When nothing is open, what is captured is what confirmed orders cost, and nothing is reserved.
    """

    captured: list[Money]
    confirmed: list[Money]
    open: list[Money]
    reserved: int

    @property
    def balanced(self) -> bool | None:
        """Whether that is so; None while orders are open, which may hold money and stock."""
        if self.open:
            return None
        return self.captured == self.confirmed and self.reserved == 0


class AuditReport(Message):
    """What an audit found, what became of it, and the books afterwards."""

    orphans: list[Orphan]
    repaired: list[Repaired]
    books: Books
    ledger: tuple[Discrepancy, ...] = ()
    settled: tuple[Settled, ...] = ()
