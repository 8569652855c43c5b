"""`docs/states.md` has every state of the code, and says of each what the code says.

So do the other pages that tell what the status of an order means.
"""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from api.story.status_words import STATUS_WORDS
from contracts.orders import OrderStatus
from contracts.payments import PaymentStatus
from saga.participant import State
from saga.view import SagaState, StepState
from services.order.aggregate import FOLDS
from tests.docs.markdown import README, ROOT, rows_below

PAGE = ROOT / "docs/states.md"
TOGETHER = "Which are found together"
WORD = re.compile(r"`(\w+)`")


@pytest.mark.parametrize(
    ("heading", "states"),
    [
        ("Order status", OrderStatus),
        ("Saga state", SagaState),
        ("Step state", StepState),
        ("Barrier state", State),
        ("Payment state", PaymentStatus),
        (TOGETHER, OrderStatus),
    ],
)
def test_every_state_has_a_row(heading: str, states: type[StrEnum]) -> None:
    named = [row[0].strip("`") for row in rows_below(PAGE, heading)]
    assert sorted(named) == sorted(states)


def test_a_status_is_open_where_the_page_says_so() -> None:
    for status, is_open, _ in rows_below(PAGE, "Order status"):
        assert (is_open == "yes") is OrderStatus(status.strip("`")).is_open


@pytest.mark.parametrize(
    ("page", "heading", "column", "missing"),
    [
        (PAGE, "Order status", 2, set()),
        (README, "How an order ends", 1, set()),
        (ROOT / "docs/failures.md", "How an order ends", 1, {OrderStatus.PENDING}),
    ],
    ids=["states", "readme", "failures"],
)
def test_a_status_means_what_the_console_says_on_every_page(
    page: Path, heading: str, column: int, missing: set[OrderStatus]
) -> None:
    means = {row[0].strip("`"): row[column] for row in rows_below(page, heading)}
    told = set(OrderStatus) - missing
    assert means == {status.value: STATUS_WORDS[status].means for status in told}


def test_every_event_of_a_return_has_a_row() -> None:
    named = {row[0].strip("`") for row in rows_below(PAGE, "Return")}
    assert named == {event for event in FOLDS if "Return" in event}


def test_states_that_are_found_together_are_states() -> None:
    rows = rows_below(PAGE, TOGETHER)
    sagas = {state for row in rows for state in WORD.findall(row[1])}
    payments = {state for row in rows for state in WORD.findall(row[2])}
    assert sagas == set(SagaState)
    assert payments == set(PaymentStatus)


def test_an_open_order_has_a_saga_that_has_not_ended() -> None:
    ended = {SagaState.COMPENSATED, SagaState.COMPLETED}
    for status, sagas, *_ in rows_below(PAGE, TOGETHER):
        is_open = OrderStatus(status.strip("`")).is_open
        assert ended.isdisjoint(WORD.findall(sagas)) is is_open
