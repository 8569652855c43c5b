"""Payment methods and how each behaves: Stripe's test methods, and ours for broken networks."""

from collections.abc import Mapping
from typing import NamedTuple

from sandbox.errors import Fault

LOOKS = 2  # at a payment that is being processed, before it is settled
BY_PAGE, SUCCEED, FAIL = "by_page", "succeed", "fail"  # how customers authenticate


class Decline(NamedTuple):
    """How the card's issuer says no, in Stripe's words."""

    code: str
    decline_code: str
    message: str


class Behaviour(NamedTuple):
    """What a confirmation with this method does.

    A decline moves no money. `answer_after` (seconds) and `cut` spoil the answer only: the money
    has moved and is committed by then. Reading what was charged takes `answer_after` too. `down`
    answers 503 before anything happened. What was charged with `keeps` is not given back: its
    refunds are refused. One with `looks` is processing until somebody has looked so often, and only
    then charged or declined. A refund has the first status of `refund`, and the second one for
    whoever looks again. With `authentication` it waits for the customer, who is heard of on the
    provider's page only (BY_PAGE, see `sandbox.pages`), or succeeds or fails when somebody has
    looked LOOKS times. Only then is it charged or declined.
    """

    decline: Decline | None = None
    answer_after: float = 0.0
    cut: bool = False
    down: bool = False
    keeps: bool = False
    looks: int = 0
    refund: tuple[str, str | None] = ("succeeded", None)
    authentication: str | None = None


def _decline(decline_code: str, message: str = "Your card was declined.") -> Behaviour:
    return Behaviour(Decline("card_declined", decline_code, message))


def _fail(code: str, message: str) -> Behaviour:
    return Behaviour(Decline(code, code, message))


def _authenticate(how: str = BY_PAGE) -> Behaviour:
    return Behaviour(authentication=how)


METHODS: Mapping[str, Behaviour] = {
    "pm_card_visa": Behaviour(),
    "pm_card_mastercard": Behaviour(),
    "pm_card_amex": Behaviour(),
    "pm_card_visa_chargeDeclined": _decline("generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": _decline(
        "insufficient_funds", "Your card has insufficient funds."
    ),
    "pm_card_visa_chargeDeclinedLostCard": _decline("lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": _decline("stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": _fail("expired_card", "Your card has expired."),
    "pm_card_chargeDeclinedIncorrectCvc": _fail(
        "incorrect_cvc", "Your card's security code is incorrect."
    ),
    "pm_card_chargeDeclinedProcessingError": _fail(
        "processing_error", "An error occurred while processing your card. Try again later."
    ),
    "pm_card_authenticationRequired": _authenticate(),
    "pm_card_threeDSecure2Required": _authenticate(),
    "pm_card_threeDSecureRequiredChargeDeclined": _decline("generic_decline")._replace(
        authentication=BY_PAGE
    ),
    "pm_sandbox_authenticates": _authenticate(SUCCEED),
    "pm_sandbox_authentication_fails": _authenticate(FAIL),
    "pm_card_pendingRefund": Behaviour(refund=("pending", "succeeded")),
    "pm_card_refundFail": Behaviour(refund=("succeeded", "failed")),
    "pm_sandbox_slow": Behaviour(answer_after=2.0),
    "pm_sandbox_reply_lost": Behaviour(cut=True),
    "pm_sandbox_down": Behaviour(down=True),
    "pm_sandbox_processing": Behaviour(looks=LOOKS),
    "pm_sandbox_processing_declined": _decline("generic_decline")._replace(looks=LOOKS),
    "pm_sandbox_refund_refused": Behaviour(answer_after=2.8, keeps=True),
    "pm_sandbox_return_refused": Behaviour(keeps=True),
}


def behaviour(payment_method: str) -> Behaviour:
    """How this method behaves. Fault `resource_missing` if there is no such method."""
    if payment_method not in METHODS:
        raise Fault.missing("PaymentMethod", payment_method, param="payment_method")
    return METHODS[payment_method]
