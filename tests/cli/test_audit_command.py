"""`saga audit ID` is of that order alone, whichever of its ids is given."""

from datetime import timedelta

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.operate import audit
from contracts.audits import AuditReport, AuditRequest, Books, MoneyByHand
from contracts.base import Money
from contracts.orphans import Orphan, Why

NONE = Books(captured=[], confirmed=[], open=[], reserved=0)
CLEAN = AuditReport(books=NONE)
LEFT = Orphan(saga_id="order-ord_1", order_id="ord_1", why=Why.MISSING)
OF_ONE_LEFT = AuditReport(books=NONE, orphans=(LEFT,), found=1, left=1)


class Workers:
    """Make no audit, and keep what they are asked for."""

    def __init__(self, report: AuditReport) -> None:
        self.asked: list[AuditRequest] = []
        self._report = report

    async def run(self, request: AuditRequest) -> AuditReport:
        """Answer with the report."""
        self.asked.append(request)
        return self._report


def say(monkeypatch: pytest.MonkeyPatch, workers: Workers, *words: str) -> Result:
    monkeypatch.setattr(audit, "_connect_and_run", workers.run)
    return CliRunner().invoke(app, ["audit", *words])


@pytest.mark.parametrize(
    ("words", "only"),
    [
        ((), None),
        (("ord_1",), "ord_1"),
        (("order-ord_1",), "ord_1"),
        (("return-ord_1",), "ord_1"),
        (("return-ord_1-2",), "ord_1"),
    ],
)
def test_an_audit_is_of_all_orders_or_of_one(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], only: str | None
) -> None:
    workers = Workers(CLEAN)
    ran = say(monkeypatch, workers, *words, "--dry-run", "--since", "48", "--repairs", "3")
    (request,) = workers.asked
    assert request.only == only
    assert (request.repair, request.ledger) == (False, timedelta(hours=48))
    assert request.bounds.repairs == 3
    assert ran.exit_code == 0, ran.output
    assert ("the provider's ledger agree" in ran.output) == (only is not None)
    assert ("captured" in ran.output) == (only is None)  # no books of one order


def test_what_is_no_id_of_an_order_is_refused_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers(CLEAN)
    ran = say(monkeypatch, workers, "audit-nightly")
    assert (ran.exit_code, workers.asked) == (2, [])
    assert "neither an order's id" in " ".join(ran.output.split())


def test_an_order_of_which_something_is_left_is_named_and_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = say(monkeypatch, Workers(OF_ONE_LEFT), "ord_1")
    assert ran.exit_code == 1
    assert "1 is left" in ran.output
    assert "agree" not in ran.output


def test_of_an_order_what_was_settled_by_hand_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, another = (
        MoneyByHand(
            order_id=order_id,
            amount=Money(minor=900, currency="EUR"),
            action="mark_done",
            who="ada",
            evidence="bank slip 12",
        )
        for order_id in ("ord_1", "ord_2")
    )
    books = NONE.model_copy(update={"named": (mine, another)})
    ran = say(monkeypatch, Workers(AuditReport(books=books)), "ord_1")
    line = "settled by hand: ord_1: 9.00 EUR is said to be back by other means, as ada says"
    assert line in ran.output
    assert "agree, but for that" in ran.output
    assert "ord_2" not in ran.output
