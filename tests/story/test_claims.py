"""All sentences of which stories are made are in the grammar, so that none is told uncompared."""

import pytest

from api.story.status_words import STATUS_WORDS
from contracts.orders import OrderStatus
from tests.story.claims import About, Claim, Unknown, parse, values


@pytest.mark.parametrize("status", OrderStatus)
def test_what_a_status_means_claims_something(status: OrderStatus) -> None:
    words = STATUS_WORDS[status]
    filled_in = words.advice.format(id="ord_1", step="charge_payment", saga="order-ord_1")
    assert parse(words.means)
    assert parse(filled_in)
    assert not words.bare or parse(words.bare)


def test_a_sentence_that_nobody_compares_is_an_error() -> None:
    with pytest.raises(Unknown):
        parse("It was cancelled. All of it is fine, probably.")


def test_claims_are_read_with_their_amounts() -> None:
    said = parse(
        "A service said no. All the same, 1,010.00 EUR is held; the payment is refunded. "
        "The provider says that a refund of it failed. 0 pieces are reserved for it."
    )
    assert values(said, About.HELD) == {"101000"}
    assert values(said, About.RESERVED) == {"0"}
    assert {Claim(About.STATUS, "rejected"), Claim(About.REFUND_FAILED)} <= said


def test_words_of_others_may_have_full_stops() -> None:
    said = parse("It is pending on record, and stands still: Your card was declined. Twice. Sorry.")
    assert Claim(About.STATUS, "pending") in said
