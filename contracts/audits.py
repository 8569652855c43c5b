"""What an audit looks for, what it found, and what the books say."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from operator import not_

from pydantic import Field

from contracts.barrier_records import Epoch
from contracts.base import Message, Money
from contracts.ledgers import Discrepancy, LedgerCursor, LedgerWindow, Settled
from contracts.orphans import Orphan, Repaired, Search


class Bounds(Message):
    """How much one audit does by itself. Past it, the rest is left, named, and an alarm raised.

    What goes wrong for so many orders at once is no accident that a program may mend: a database
    was restored, or somebody terminated all. So somebody looks first, and gives wider bounds.
    """

    repairs: int = 500  # sagas started again: a bad hour of a small shop
    refunds: int = 50  # of money that the provider keeps without an order: there should be none
    minor: int = 1_000_000  # minor units of each currency that undoing and refunding may move
    unfinished: int = 20  # repairs that do not get done: what they need is down, more do not help


class AuditRequest(Message):
    """What to look at. Sagas younger than `grace` are left alone: they may just have begun.

    `ledger`: how far back the provider's captures are compared with orders; and ended orders with
    their stock and money, if that is more than a day. `cautious`: repair nothing if a database is
    not as the last audit of the schedule left it. `only`: this order, and nothing else. `progress`:
    what came of it so far, if it goes on in another run.
    """

    grace: timedelta = timedelta(seconds=60)
    repair: bool = True
    ledger: timedelta = timedelta(hours=1)
    bounds: Bounds = Bounds()
    cautious: bool = False
    only: str | None = None
    progress: "AuditProgress | None" = None


class MoneyByHand(Message):
    """Money that was taken for an order that is to have none, and why it may be; or is `missing`.

    An operator said that it went back by other means, or that it is kept; of what a confirmed order
    lacks, that it was paid by other means, or that the customer keeps it. `recorded`: our own
    record says that it was captured; else the order was undone before the charge was answered, and
    only the provider knows.
    """

    order_id: str
    amount: Money
    action: str
    who: str
    evidence: str
    recorded: bool = True
    missing: bool = Field(default=False, exclude_if=not_)


class Books(Message):
    """Money and stock, by the services that answer for them.

    When nothing is open, what is captured is what confirmed orders cost, and what operators have
    answered for (`by_hand`); nothing is reserved but the pieces that they have answered for.
    `named` is the newest money that they have answered for, on record or not. `unread`: they could
    not be asked, so the rest tells nothing.
    """

    captured: list[Money]
    confirmed: list[Money]
    open: list[Money]
    reserved: int
    unread: bool = False
    by_hand: tuple[Money, ...] = ()
    named: tuple[MoneyByHand, ...] = ()
    reserved_by_hand: int = 0

    @property
    def balanced(self) -> bool | None:
        """Whether that is so; None if it cannot be told: open orders may hold money and stock."""
        if self.open or self.unread:
            return None
        right = sum_by_currency([*self.confirmed, *self.by_hand])
        money = sum_by_currency(self.captured) == right
        return money and self.reserved == self.reserved_by_hand


def sum_by_currency(amounts: Sequence[Money]) -> list[Money]:
    """The sums that are not zero, in order of their currency."""
    found: Counter[str] = Counter()
    for amount in amounts:
        found[amount.currency] += amount.minor
    return [Money(minor=minor, currency=name) for name, minor in sorted(found.items()) if minor]


class Named(Message):
    """What an audit did not mend, and why."""

    saga_id: str
    order_id: str
    what: str


NAMED = 500  # of each list: some hundred KB, where a result may have 2 MB


class Findings(Message):
    """What an audit found, and what became of it.

    Lists hold the first NAMED; `found` counts all orphans, `kept` all discrepancies, `mended` and
    `left` what became of both. `stopped` says which bound
    was reached, `dry_run` why nothing was repaired. `epochs` are those of the databases. `back` is
    how far it looked back.
    """

    orphans: tuple[Orphan, ...] = ()
    repaired: tuple[Repaired, ...] = ()
    ledger: tuple[Discrepancy, ...] = ()
    settled: tuple[Settled, ...] = ()
    named: tuple[Named, ...] = ()
    found: int = 0
    kept: int = 0
    mended: int = 0
    left: int = 0
    stopped: str | None = None
    dry_run: str | None = None
    epochs: dict[str, Epoch] = Field(default_factory=dict)
    back: timedelta | None = None


class AuditReport(Findings):
    """What an audit found, what became of it, and the books afterwards."""

    books: Books


class Tally(Findings):
    """What an audit found so far, and how much of its bounds is used up; `minor` by currency."""

    repairs: int = 0
    refunds: int = 0
    unfinished: int = 0
    minor: dict[str, int] = Field(default_factory=dict)


class AuditProgress(Message):
    """How far an audit is, for the run that goes on with it.

    `search` is None once that is at its end, and so is `ledger_at`.
    """

    search: Search | None
    window: LedgerWindow
    ledger_at: LedgerCursor | None = LedgerCursor()
    tally: Tally


AuditRequest.model_rebuild()  # it names what is declared after it
