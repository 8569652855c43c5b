"""What the provider says of intents and refunds, as values of ours."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import stripe

from contracts.base import Money, Reason
from services.payment.provider.amounts import from_provider

UNDONE = {"failed", "canceled"}  # of a refund: the money did not go back


class IntentStatus(StrEnum):
    """Where an intent stands, in the provider's words."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CAPTURE = "requires_capture"
    PROCESSING = "processing"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


class Intent(NamedTuple):
    """What the provider says of an intent; `decline` is why its last confirmation failed.

    `given_back`: what of its capture was refunded, in minor units of ours, as far as the answer
    tells. `page`: where its customer has to authenticate, if so.
    """

    id: str
    status: IntentStatus
    decline: Reason | None
    given_back: int = 0
    page: str | None = None


class Refund(NamedTuple):
    """A refund, in minor units of ours. One that `stands` is done, or under way."""

    id: str
    minor: int
    stands: bool
    made_at: datetime


class Balance(NamedTuple):
    """What an intent captured and what is left of it, and what it is for by its metadata."""

    intent_id: str
    order_id: str
    saga_id: str
    step: str | None
    installation: str | None
    captured: Money
    left: Money


def intent_of(intent: stripe.PaymentIntent) -> Intent:
    """An intent as the provider tells of it."""
    status = IntentStatus(intent.status)
    charge = intent.latest_charge
    refunded = charge.amount_refunded if isinstance(charge, stripe.Charge) else 0
    given_back = from_provider(refunded, intent.currency).minor
    failure = getattr(intent, "last_payment_error", None)
    if failure is None:
        return Intent(intent.id, status, None, given_back, _page_of(intent))
    code = getattr(failure, "decline_code", None) or getattr(failure, "code", None)
    decline = Reason(code=code or "card_declined", detail=getattr(failure, "message", None) or "")
    return Intent(intent.id, status, decline, given_back, _page_of(intent))


def _page_of(intent: stripe.PaymentIntent) -> str | None:
    redirect = getattr(getattr(intent, "next_action", None), "redirect_to_url", None)
    return getattr(redirect, "url", None)


def refund_of(refund: stripe.Refund) -> Refund:
    """A refund as the provider tells of it."""
    made_at = datetime.fromtimestamp(refund.created, UTC)
    minor = from_provider(refund.amount, refund.currency).minor
    return Refund(refund.id, minor, refund.status not in UNDONE, made_at)


def balance_of(charge: object, metadata: stripe.StripeObject | None) -> Balance | None:
    """What is left of an intent, by its charge; None if it captured nothing, or for no order."""
    if not isinstance(charge, stripe.Charge) or charge.amount_captured < 1:
        return None
    about = metadata.to_dict() if metadata else {}
    intent = charge.payment_intent
    if not {"order_id", "saga_id"} <= about.keys() or intent is None:
        return None
    left = charge.amount_captured - charge.amount_refunded
    return Balance(
        intent_id=intent if isinstance(intent, str) else intent.id,
        order_id=about["order_id"],
        saga_id=about["saga_id"],
        step=about.get("step"),
        installation=about.get("installation"),
        captured=from_provider(charge.amount_captured, charge.currency),
        left=from_provider(left, charge.currency),
    )


def balance_of_intent(intent: stripe.PaymentIntent) -> Balance | None:
    """What is left of an intent."""
    return balance_of(intent.latest_charge, intent.metadata)


def balance_of_refund(refund: stripe.Refund) -> Balance | None:
    """What is left of the intent that a refund is of; the charge has the intent's metadata."""
    charge = refund.charge
    return balance_of(charge, charge.metadata) if isinstance(charge, stripe.Charge) else None
