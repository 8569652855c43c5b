"""Where an order's money is: by the payment's record, by the provider, and by what people said."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from api.story.facts import PAYMENT, PROVIDER, OrderFacts
from api.story.settled_by_hand import SettledByHand
from contracts.base import Message, Money
from contracts.orders import OrderStatus
from contracts.payments import Kept, Payment, PaymentStatus
from saga import Resolving


class MoneyState(StrEnum):
    """Where it is. PERHAPS_HELD: at the provider by our record, which it has not borne out.

    SETTLED: at the provider, or perhaps so, and somebody says that the customer has it back.
    """

    NOTHING = "nothing"
    PERHAPS_HELD = "perhaps_held"
    HELD = "held"
    GIVEN_BACK = "given_back"
    SETTLED = "settled_by_hand"
    WRITTEN_OFF = "written_off"
    UNKNOWN = "unknown"


class MoneyStory(Message):
    """The money of one order. `held` is at the provider, or may be; None if that is not known.

    `at_stake` is what of it is held for an order that is not settled.
    """

    state: MoneyState
    held: Money | None
    at_stake: Money | None
    says: str


def tell_money(facts: OrderFacts, settled: Sequence[SettledByHand]) -> MoneyStory:
    """Where it is."""
    if unknown := _find_why_unknown(facts):
        says = f"what is held is not known: {unknown}."
        return MoneyStory(state=MoneyState.UNKNOWN, held=None, at_stake=None, says=says)
    word = next((each for each in reversed(settled) if each.is_about_money), None)
    held = _count_held(facts)
    state = _judge(facts, held, word)
    unsettled = facts.order.status is not OrderStatus.CONFIRMED or facts.is_returning
    by_hand = state in {MoneyState.SETTLED, MoneyState.WRITTEN_OFF}
    return MoneyStory(
        state=state,
        held=held,
        at_stake=held if unsettled and not by_hand else held * 0,
        says=" ".join(_tell(facts, held, word)),
    )


def _find_why_unknown(facts: OrderFacts) -> str:
    """Why nobody knows what is held; empty if it is known, or known what it may be.

    That a payment is not held is for the provider to say: a refund may fail days after.
    """
    if PAYMENT in facts.silent:
        return "the payment service does not answer"
    payment = facts.payment
    if PROVIDER not in facts.silent or payment is None or payment.holds_money:
        return ""
    return f"the payment is {payment.status} on record, and the payment provider does not answer"


def _is_certain(facts: OrderFacts) -> bool:
    """Whether money that is held on record is at the provider, by what it says or has said."""
    if facts.kept is not None:
        return facts.kept.amount.minor > 0
    captured = facts.payment is not None and facts.payment.status is PaymentStatus.CAPTURED
    return captured and PROVIDER not in facts.silent


def _count_held(facts: OrderFacts) -> Money:
    """What the provider says counts, if it was asked and answered."""
    payment, kept = facts.payment, facts.kept
    if kept is not None and (kept.amount.minor or payment is None or not payment.holds_money):
        return kept.amount
    if payment is None or not payment.holds_money:
        return facts.order.total * 0
    captured = payment.status is PaymentStatus.CAPTURED
    return kept.amount if kept is not None and captured else payment.amount


def _judge(facts: OrderFacts, held: Money, word: SettledByHand | None) -> MoneyState:
    payment = facts.payment
    if held.minor and word is not None:
        return MoneyState.SETTLED if word.action is Resolving.MARK_DONE else MoneyState.WRITTEN_OFF
    if held.minor:
        return MoneyState.HELD if _is_certain(facts) else MoneyState.PERHAPS_HELD
    back = payment is not None and payment.status in {
        PaymentStatus.REFUNDED,
        PaymentStatus.CAPTURED,
    }
    return MoneyState.GIVEN_BACK if back else MoneyState.NOTHING


def _tell(facts: OrderFacts, held: Money, word: SettledByHand | None) -> Iterator[str]:
    payment, certain = facts.payment, _is_certain(facts) or not held.minor
    status = f"the payment is {payment.status}" if payment else "no charge was asked for"
    yield f"{held.format()} {'is' if certain else 'may be'} held; {status}."
    if PROVIDER in facts.silent:
        yield f"{PROVIDER} does not answer."
    if payment is not None and facts.kept is not None:
        yield from _tell_difference(payment, facts.kept)
    if word is not None and held.minor:
        if certain:
            yield "The provider has it still."
        yield word.describe()


def _tell_difference(payment: Payment, kept: Kept) -> Iterator[str]:
    """What the provider says otherwise than our record."""
    back = Money(minor=kept.captured.minor - kept.amount.minor, currency=kept.amount.currency)
    if payment.status is PaymentStatus.CAPTURED and back.minor:
        captured = kept.captured.format()
        yield f"{captured} was captured, and {back.format()} given back at the provider."
    if payment.status is PaymentStatus.REFUNDED and kept.amount.minor:
        yield "The provider says that a refund of it failed."
