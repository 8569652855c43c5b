"""Keeps the tally of an audit, and keeps it within its bounds."""

from collections.abc import Mapping
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.audits import (
        NAMED,
        AuditReport,
        Books,
        Bounds,
        Findings,
        Named,
        Tally,
    )
    from contracts.base import Money
    from contracts.ledgers import Discrepancy, Outcome, Settled
    from contracts.ledgers import Remedy as OfMoney
    from contracts.orders import OPEN_STATUSES
    from contracts.orphans import NOT_REPAIRED, Orphan, Remedy, Repaired

STOPPED = {
    "repairs": "as many sagas were carried on as one audit may",
    "refunds": "as many refunds were made as one audit may",
    "money": "as much money would have moved as one audit may move",
    "unfinished": "too many that were carried on do not get done",
}


class Tallying:
    """What an audit found and did so far. What it leaves as it is, it names."""

    def __init__(self, bounds: Bounds, tally: Tally) -> None:
        self._bounds = bounds
        self._tally = tally
        self._seen = {orphan.saga_id for orphan in tally.orphans}

    @property
    def tally(self) -> Tally:
        """For the run that goes on with it."""
        return self._tally

    def doubt(self, why: str) -> None:
        """From here on mend nothing: somebody has to look first."""
        self._set({"dry_run": why})

    def report(self, books: Books) -> AuditReport:
        """All of it, with the books as they stand now."""
        fields = Findings.model_fields
        return AuditReport(books=books, **{name: getattr(self._tally, name) for name in fields})

    def admit(self, orphan: Orphan) -> bool:
        """Whether to carry it on: if nobody has to look first, and the bounds allow for it."""
        if orphan.saga_id in self._seen:
            return False
        self._seen.add(orphan.saga_id)
        self._add("orphans", orphan, found=1)
        undone = orphan.amount if orphan.remedy is Remedy.UNDO else None
        said = f"its workflow was {orphan.why}"
        if orphan.remedy is Remedy.REPORT:
            self.leave(orphan, f"{said}: {orphan.way_out}")
        elif self._tally.dry_run is not None:
            self.leave(orphan, f"{said}: to {orphan.remedy}, in an audit that is no dry run")
        elif (bound := self._find_bound(undone, repairs=1)) is not None:
            self._stop(bound)
            self.leave(orphan, f"{said}: left, since {STOPPED[bound]}")
        else:
            self._spend(undone, repairs=1)
            return True
        return False

    def admit_money(self, discrepancy: Discrepancy) -> bool:
        """Whether to settle it; likewise. To adopt moves no money, so it has no bound."""
        self._add("ledger", discrepancy, kept=1)
        if discrepancy.remedy is OfMoney.REPORT:
            self._leave_money(discrepancy, "a person has to see to it")
        elif self._tally.dry_run is not None:
            said = f"to {discrepancy.remedy}, in an audit that is no dry run"
            self._leave_money(discrepancy, said)
        elif discrepancy.remedy is OfMoney.ADOPT:
            return True
        elif (bound := self._find_bound(discrepancy.amount, refunds=1)) is not None:
            self._stop(bound)
            self._leave_money(discrepancy, f"left, since {STOPPED[bound]}")
        else:
            self._spend(discrepancy.amount, refunds=1)
            return True
        return False

    def record_mended(self, orphan: Orphan, status: str | None) -> None:
        """Its saga has ended since."""
        repaired = Repaired(orphan=orphan, status=status)
        if status in OPEN_STATUSES:
            self._add("repaired", repaired)
            self.leave(orphan, f"carried on, and it ended; but the order is {status}")
        else:
            self._add("repaired", repaired, mended=1)

    def record_healed(self) -> None:
        """Somebody else saw to an orphan meanwhile."""
        self._add(None, None, mended=1)

    def record_unfinished(self, orphan: Orphan, status: str | None) -> None:
        """Its saga was begun, and goes on by itself."""
        self._add("repaired", Repaired(orphan=orphan, status=status), unfinished=1)
        self.leave(orphan, f"carried on, and not done yet; the order is {status}")

    def record_failure(self, orphan: Orphan, why: str) -> None:
        """Its saga could not be begun."""
        self._add("repaired", Repaired(orphan=orphan, status=NOT_REPAIRED))
        self.leave(orphan, f"could not be carried on: {why}")

    def record_settled(self, settled: Settled) -> None:
        """What came of money that was to be given back, or adopted."""
        done = settled.outcome not in {None, Outcome.REPORTED}
        self._add("settled", settled, mended=int(done))
        if not done:
            self._leave_money(settled.discrepancy, "could not be settled")

    def leave(self, orphan: Orphan, what: str) -> None:
        """Name what is not mended."""
        self.name(orphan.saga_id, orphan.order_id, what)

    def name(self, saga_id: str, order_id: str, what: str) -> None:
        """The same of what is no orphan."""
        self._add("named", Named(saga_id=saga_id, order_id=order_id, what=what), left=1)

    def _leave_money(self, discrepancy: Discrepancy, what: str) -> None:
        said = f"{discrepancy.intent_id} is {discrepancy.why}: {what}"
        self.name(discrepancy.saga_id, discrepancy.order_id, said)

    def _find_bound(self, money: Money | None, *, repairs: int = 0, refunds: int = 0) -> str | None:
        """The bound that one more would go beyond."""
        tally, bounds = self._tally, self._bounds
        if tally.unfinished >= bounds.unfinished:
            return "unfinished"
        if tally.repairs + repairs > bounds.repairs:
            return "repairs"
        if tally.refunds + refunds > bounds.refunds:
            return "refunds"
        moved = tally.minor.get(money.currency, 0) + money.minor if money else 0
        return "money" if moved > bounds.minor else None

    def _spend(self, money: Money | None, *, repairs: int = 0, refunds: int = 0) -> None:
        self._add(None, None, repairs=repairs, refunds=refunds)
        if money is not None:
            moved = self._tally.minor.get(money.currency, 0) + money.minor
            self._set({"minor": self._tally.minor | {money.currency: moved}})

    def _stop(self, bound: str) -> None:
        if self._tally.stopped is None:
            self._set({"stopped": bound})

    def _add(self, listed: str | None, one: Any, **counts: int) -> None:
        """One more for a list, as long as it is short, and so much more for each count."""
        changes: dict[str, Any] = {
            name: getattr(self._tally, name) + count for name, count in counts.items()
        }
        if listed is not None and len(before := getattr(self._tally, listed)) < NAMED:
            changes[listed] = (*before, one)
        self._set(changes)

    def _set(self, changes: Mapping[str, Any]) -> None:
        self._tally = self._tally.model_copy(update=dict(changes))
