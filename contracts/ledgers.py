"""What reconciliation with the payment provider's ledger looks at, finds, and does about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from contracts.base import Message, Money

# A bank may send a refund back long after; most come within days, the last within weeks.
REFUNDS_FAIL_WITHIN = timedelta(days=30)
NO_INTENT = "none"


class WhyKept(StrEnum):
    """What is wrong with money that the provider keeps, or does not."""

    STRAY = "stray"  # nothing here says that this order is to be paid by it
    UNRECORDED = "unrecorded"  # there is no record of its order, nor a saga
    CLOSED = "closed"  # its order ended without it
    REFUND_FAILED = "refund_failed"  # it was given back, and the refund failed later
    UNADOPTED = "unadopted"  # its order is confirmed, and the payment service has lost the payment
    CONTRADICTED = "contradicted"  # its order is confirmed; its payment is not captured, it says
    MISSING = "missing"  # the order is confirmed without it: it was not taken, or was given back


class Remedy(StrEnum):
    """What may be done about it without a person."""

    REFUND = "refund"
    ADOPT = "adopt"
    REPORT = "report"  # nothing


class Outcome(StrEnum):
    """What was done about it. REPORTED: nothing may be, by a machine."""

    REFUNDED = "refunded"
    ADOPTED = "adopted"
    REPORTED = "reported"


class LedgerWindow(Message):
    """A time: intents, orders and refunds of then are compared.

    `refunds`: how long before its end refunds are looked for that failed since. With `only`, this
    order's money, whenever it was taken.
    """

    begin: datetime
    end: datetime
    refunds: timedelta = REFUNDS_FAIL_WITHIN
    only: str | None = None


class Discrepancy(Message):
    """Money that the provider keeps though no confirmed order is to be paid by it, or lacks.

    `intent_id` is NO_INTENT where a confirmed order has none. `found_at`: by the first audit that
    found it; None as long as that is at work.
    """

    intent_id: str
    order_id: str
    saga_id: str
    amount: Money
    why: WhyKept
    remedy: Remedy = Remedy.REPORT
    step: str | None = None
    found_at: datetime | None = None

    def keep_date(self, found_at: datetime | None) -> Self:
        """As it is, found then unless it was found before."""
        return self.model_copy(update={"found_at": self.found_at or found_at})


class Settled(Message):
    """What came of a discrepancy.

    Without an outcome nothing could be done now; the next audit finds it again.
    """

    discrepancy: Discrepancy
    refund_id: str | None
    outcome: Outcome | None = None


class Part(StrEnum):
    """What is gone through, one after the other. EARLIER: what earlier audits left."""

    EARLIER = "earlier"
    INTENTS = "intents"
    REFUNDS = "refunds"
    ORDERS = "orders"


class LedgerCursor(Message):
    """Where to go on."""

    part: Part = Part.EARLIER
    cursor: str | None = None


class LedgerPage(Message):
    """What some pages of the ledger showed; `following` is None at its end.

    `foreign` counts intents of other installations.
    """

    items: tuple[Discrepancy, ...]
    foreign: int
    following: LedgerCursor | None


def distinct(before: Sequence[Discrepancy], found: Sequence[Discrepancy]) -> list[Discrepancy]:
    """Those of `found` that are new. An order's money that is to be adopted is not missing too."""
    adopted = {each.order_id for each in (*before, *found) if each.why is WhyKept.UNADOPTED}
    known = {(each.intent_id, each.order_id) for each in before}
    new = {
        (each.intent_id, each.order_id): each
        for each in found
        if each.why is not WhyKept.MISSING or each.order_id not in adopted
    }
    return [each for name, each in new.items() if name not in known]
