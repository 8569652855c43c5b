"""`docs/states.md` has every state of the code, and says of each what the code says."""

import re
from enum import StrEnum

import pytest

from api.story.status_words import STATUS_WORDS
from contracts.orders import OrderStatus
from contracts.payments import PaymentStatus
from saga.participant import State
from saga.view import SagaState, StepState
from services.order.aggregate import FOLDS
from tests.docs.markdown import ROOT, rows_below

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


def test_the_status_of_an_order_means_what_the_console_says() -> None:
    for status, is_open, means in rows_below(PAGE, "Order status"):
        found = OrderStatus(status.strip("`"))
        assert (is_open == "yes") is found.is_open
        assert means == STATUS_WORDS[found].means


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
