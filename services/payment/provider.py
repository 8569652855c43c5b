"""The payment provider: Stripe's PaymentIntents through the official client.

Its errors are translated here, once:

    a declined card, an invalid request        Rejected, with the provider's code
    no answer, 5xx, rate limit, key in use     Unavailable: the outcome is unknown, ask again
    a wrong API key                            Unavailable: an operator mends it, nothing is lost
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import httpx2
import stripe

from contracts.errors import Rejected, ServiceError, Unavailable
from contracts.message import Money, Reason
from contracts.payments import ChargePayment
from infrastructure.breaker import Breaker
from infrastructure.settings import ProviderSettings
from services.payment.transport import Transport

UNEXPECTED_STATE = "payment_intent_unexpected_state"
ALREADY_REFUNDED = "charge_already_refunded"
WITH_CHARGE = "data.latest_charge"
UNDONE = {"failed", "canceled"}  # of a refund: the money did not go back
PAGE = 100  # the most that the provider gives


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
    """What the provider says of an intent; `decline` is why its last confirmation failed."""

    id: str
    status: IntentStatus
    decline: Reason | None


class Refund(NamedTuple):
    """A refund that stands: it is done, or under way; in minor units."""

    id: str
    minor: int


class Balance(NamedTuple):
    """What is left of an intent's capture, and what of ours it is for."""

    intent_id: str
    order_id: str
    saga_id: str
    amount: Money


class Provider:
    """One request a method, save where a refused one is answered by looking again.

    Behind the breaker, if there is one, as all requests go to the same dependency.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._breaker = breaker
        self._http = Transport(settings.payment_provider_timeout, inner=transport)
        client = stripe.StripeClient(
            settings.payment_provider_key.get_secret_value(),
            base_addresses={"api": settings.payment_provider_url.rstrip("/")},
            http_client=self._http,
            max_network_retries=0,
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds

    async def create(self, command: ChargePayment, saga_id: str, idempotency_key: str) -> Intent:
        """Make an unconfirmed intent: no money moves."""
        with self._asking():
            return _intent(
                await self._intents.create_async(
                    {
                        "amount": command.amount.minor,
                        "currency": command.amount.currency.lower(),
                        "payment_method": command.payment_method,
                        "allowed_payment_method_types": ["card"],
                        "metadata": {"order_id": command.order_id, "saga_id": saga_id},
                    },
                    {"idempotency_key": idempotency_key},
                )
            )

    async def confirm(self, intent_id: str, idempotency_key: str) -> Intent:
        """Capture the money. Rejected if declined; an intent past confirming is as it stands."""
        try:
            with self._asking():
                return _intent(
                    await self._intents.confirm_async(
                        intent_id,
                        {"error_on_requires_action": True},
                        {"idempotency_key": idempotency_key},
                    )
                )
        except Rejected as refused:
            if refused.code != UNEXPECTED_STATE:
                raise
        return await self.retrieve(intent_id)

    async def cancel(self, intent_id: str) -> Intent:
        """End an intent that captured nothing; one past cancelling is as it stands."""
        try:
            with self._asking():
                return _intent(await self._intents.cancel_async(intent_id))
        except Rejected as refused:
            if refused.code != UNEXPECTED_STATE:
                raise
        return await self.retrieve(intent_id)

    async def retrieve(self, intent_id: str) -> Intent:
        """The intent as it stands."""
        with self._asking():
            return _intent(await self._intents.retrieve_async(intent_id))

    async def refund(self, intent_id: str, idempotency_key: str) -> str:
        """Give back all that is left of what the intent captured; the refund's id.

        If nothing is left, an earlier refund's: its reply was lost and its key has expired, or
        somebody refunded by hand.
        """
        try:
            with self._asking():
                refund = await self._refunds.create_async(
                    {"payment_intent": intent_id}, {"idempotency_key": idempotency_key}
                )
        except Rejected as refused:
            if refused.code != ALREADY_REFUNDED:
                raise
            if not (standing := await self.refunds(intent_id)):
                raise
            return standing[0].id
        if refund.status in UNDONE:
            raise Rejected("refund_failed", f"refund {refund.id} is {refund.status}")
        return refund.id

    async def refunds(self, intent_id: str) -> list[Refund]:
        """The refunds of an intent that stand, newest first."""
        with self._asking():
            page = await self._refunds.list_async({"payment_intent": intent_id, "limit": PAGE})
        return [Refund(it.id, it.amount) for it in page.data if it.status not in UNDONE]

    async def captured(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> tuple[list[Balance], str | None]:
        """What is left of the captures of a time, a page of them, and how to go on."""
        within = {"gte": int(created_from.timestamp()), "lt": int(created_to.timestamp())}
        asked: dict[str, Any] = {"created": within, "expand": [WITH_CHARGE], "limit": PAGE}
        if cursor is not None:
            asked["starting_after"] = cursor
        with self._asking():
            page = await self._intents.list_async(asked)  # type: ignore[arg-type]  # a TypedDict
        last = page.data[-1].id if page.has_more else None
        return [it for intent in page.data if (it := _balance(intent)) is not None], last

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One request inside. CircuitOpen, before it is made, while the provider is left alone."""
        with self._breaker.call() if self._breaker else nullcontext(), _translated():
            yield

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close_async()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except stripe.StripeError as error:
        raise _translate(error) from error


def _translate(error: stripe.StripeError) -> ServiceError:
    detail = error.user_message or type(error).__name__
    if isinstance(error, stripe.CardError):
        decline_code = getattr(error.error, "decline_code", None)
        return Rejected(decline_code or error.code or "card_declined", detail)
    if isinstance(error, stripe.InvalidRequestError):
        return Rejected(error.code or "invalid_request", detail)
    if isinstance(error, stripe.IdempotencyError):
        return Rejected("idempotency_key_reused", detail)
    return Unavailable(f"payment provider: {detail}")


def _intent(intent: stripe.PaymentIntent) -> Intent:
    status = IntentStatus(intent.status)
    failure = getattr(intent, "last_payment_error", None)
    if failure is None:
        return Intent(intent.id, status, None)
    code = getattr(failure, "decline_code", None) or getattr(failure, "code", None)
    decline = Reason(code=code or "card_declined", detail=getattr(failure, "message", None) or "")
    return Intent(intent.id, status, decline)


def _balance(intent: stripe.PaymentIntent) -> Balance | None:
    """None if nothing is left of it, or if it is not of an order of ours."""
    charge = intent.latest_charge
    about = intent.metadata.to_dict() if intent.metadata else {}
    if not isinstance(charge, stripe.Charge) or not {"order_id", "saga_id"} <= about.keys():
        return None
    left = charge.amount_captured - charge.amount_refunded
    if left < 1:
        return None
    amount = Money(minor=left, currency=intent.currency.upper())
    return Balance(intent.id, about["order_id"], about["saga_id"], amount)
