"""Money at stake counts charges that are not answered, and whoever tells of it says so."""

from datetime import UTC, datetime

from api.temporal.saga_listing import SagaFound, Stake
from api.temporal.troubles import Kind, Trouble
from cli.operate.exposure import summarize
from cli.operate.stuck import Stuck, _stake
from console.templating import part
from contracts.base import Money

AT = datetime(2026, 1, 2, tzinfo=UTC)


def test_the_exposure_says_that_it_may_be() -> None:
    found = {
        "open_orders": 1,
        "complete": True,
        "not_answering": [],
        "money": [{"minor": 3600, "currency": "EUR", "orders": 1, "oldest_seconds": 5.0}],
        "stock": {"pieces": 0, "orders": 0, "mean_seconds": 0.0, "oldest_seconds": 0.0},
        "admission": {"window": None, "open": 1, "old": 0},
    }
    assert "Captured, or may be, and not confirmed: 36.00 EUR" in "\n".join(summarize(found))


def test_the_list_of_what_is_stuck_says_that_it_may_be() -> None:
    stuck = Stuck("order-ord_1", "retrying", "it fails", "2026-01-02", 3600, "EUR", 0, "wait")
    assert _stake(stuck).startswith("36.00 EUR captured, or may be")


def test_money_that_an_order_lacks_is_not_told_as_captured() -> None:
    stuck = Stuck("order-ord_1", "discrepancy", "it is gone", "2026", 0, "EUR", 0, "look", 300)
    assert _stake(stuck) == "3.00 EUR is missing, 0 pieces of stock"
    nothing, lacking = Money(minor=0, currency="EUR"), Money(minor=300, currency="EUR")
    stake = Stake(money=nothing, pieces=0, missing=lacking)
    page = part("attention_parts.html", "troubles_part", [row_of(Kind.DISCREPANCY, stake)])
    assert "3.00 EUR is missing" in page
    assert "captured" not in page


def test_the_console_says_that_it_may_be() -> None:
    stake = Stake(money=Money(minor=3600, currency="EUR"), pieces=0)
    assert "36.00 EUR at stake, captured or may be" in part(
        "attention_parts.html", "troubles_part", [row_of(Kind.RETRYING, stake)]
    )


def row_of(kind: Kind, stake: Stake) -> SagaFound:
    return SagaFound(
        saga_id="order-ord_1",
        type="PlaceOrder",
        state="running",
        step=None,
        started_at=AT,
        trouble=Trouble(kind=kind, why="it fails", way_out="wait", since=AT),
        stake=stake,
    )
