"""What depends on somebody who does not answer is told as unknown, never as a fact."""

import pytest

from api.story.facts import INVENTORY, PAYMENT, PROVIDER, TEMPORAL
from api.story.money import MoneyState
from api.story.order_story import OrderStory, tell_story
from saga.participant import Unavailable
from tests.story.made import ORDER_SERVICE, ORDERS, Made
from tests.story.silence import SOURCES, SUBSETS, find_lies

NAMED = {made.name: made for made in ORDERS}


async def tell(made: Made, *down: str) -> OrderStory:
    return tell_story(await made.read(frozenset(down)))


@pytest.mark.parametrize("made", ORDERS, ids=[made.name for made in ORDERS])
async def test_no_sentence_claims_what_somebody_silent_would_have_to_say(made: Made) -> None:
    for down in SUBSETS:
        facts = await made.read(down)
        assert list(find_lies(facts, made.truth(frozenset(facts.silent)), down)) == []


@pytest.mark.parametrize("who", SOURCES)
async def test_each_source_is_missed(who: str) -> None:
    """So that the test above is about all of them."""
    assert (await tell(NAMED["confirmed"], who)).not_answering == [who]


async def test_without_the_order_service_there_is_no_story() -> None:
    with pytest.raises(Unavailable):
        await tell(NAMED["confirmed"], ORDER_SERVICE)


async def test_a_refund_that_failed_is_not_refuted_by_a_silent_provider() -> None:
    told, story = await tell(made := NAMED["a refund failed late"]), await tell(made, PROVIDER)
    assert (told.needs_attention, told.money.state) == (True, MoneyState.HELD)
    assert (story.money.state, story.money.held) == (MoneyState.UNKNOWN, None)
    assert "nothing to do:" not in story.next.lower()
    assert "the payment provider" in story.next


@pytest.mark.parametrize(
    ("name", "down"),
    [
        ("rejected, and kept", PROVIDER),
        ("refunded without a return", PROVIDER),
        ("rejected, and reserved", PAYMENT),
        ("rejected, and kept", INVENTORY),
        ("all refunded by hand", TEMPORAL),
        ("blocked", TEMPORAL),
    ],
)
async def test_what_is_wrong_on_record_needs_attention_whoever_is_silent(
    name: str, down: str
) -> None:
    assert (await tell(NAMED[name], down)).needs_attention


async def test_money_that_is_held_on_record_may_be_held_while_the_provider_is_silent() -> None:
    story = await tell(NAMED["rejected, and kept"], PROVIDER)
    assert story.money.state is MoneyState.PERHAPS_HELD
    assert story.money.says.startswith("9.00 EUR may be held")


async def test_money_that_was_settled_is_not_both_there_and_perhaps_there() -> None:
    answered = await tell(made := NAMED["done by hand"])
    assert answered.money.says.startswith("9.00 EUR is held")
    assert "The provider has it still." in answered.money.says
    silent = await tell(made, PROVIDER)
    assert silent.money.says.startswith("9.00 EUR may be held")
    assert "has it still" not in silent.money.says
    assert silent.money.state is MoneyState.SETTLED
