"""The payment provider: Stripe's PaymentIntents through the official client.

What it answers is in `provider_answers`, what it refuses in `provider_errors`.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from math import ceil
from typing import Any, NamedTuple, TypeVar

import httpx2
import stripe

from contracts.payments import ChargePayment
from infrastructure.http.circuit_breaker import Breaker
from infrastructure.settings import ProviderSettings
from saga.participant import Rejected, StepKey
from services.payment.provider.amounts import to_provider
from services.payment.provider.answers import (
    Balance,
    Intent,
    Refund,
    balance_of_intent,
    balance_of_refund,
    intent_of,
    refund_of,
)
from services.payment.provider.errors import (
    ProviderFailed,
    StoredFailure,
    is_replayed,
    translate_errors,
)
from services.payment.provider.stripe_transport import Transport

# Whose requests and answers this code was written for. Ours, and not the library's, which takes a
# newer one with each of its releases; tests/services/payment/published_api.py has its facts.
API_VERSION = "2026-09-30.endive"
UNEXPECTED_STATE = "payment_intent_unexpected_state"
ALREADY_REFUNDED = "charge_already_refunded"
CHARGE = "latest_charge"
FAILED = 500  # what was begun, and may be kept; 502 and the like are of those before it
PAGE = 100  # the most that the provider gives
A = TypeVar("A")


class Period(NamedTuple):
    """A time, and where in the list of what was made then to go on."""

    begin: datetime
    end: datetime
    cursor: str | None = None


class Provider:
    """One request a method, save where an answer that tells too little is looked into.

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
            stripe_version=API_VERSION,
            base_addresses={"api": settings.payment_provider_url.rstrip("/")},
            http_client=self._http,
            max_network_retries=0,
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds

    async def create(
        self, key: StepKey, command: ChargePayment, installation: str | None, idempotency_key: str
    ) -> Intent:
        """Make an unconfirmed intent: no money moves. It tells whose it is.

        Rejected `unsupported_currency` or `amount_not_a_multiple`, without a request.

        Without an installation it is told of as the releases did that knew of none: a key that
        they have used wants the same parameters.
        """
        about = {"order_id": command.order_id, "saga_id": key.saga_id}
        if installation is not None:
            about |= {"step": key.step, "installation": installation}
        asked: Any = {
            "amount": to_provider(command.amount),
            "currency": command.amount.currency.lower(),
            "payment_method": command.payment_method,
            "allowed_payment_method_types": ["card"],
            "metadata": about,
        }
        options: Any = {"idempotency_key": idempotency_key}
        made = await self._by_key(lambda: self._intents.create_async(asked, options))
        return intent_of(made)

    async def confirm(
        self, intent_id: str, idempotency_key: str, return_url: str | None = None
    ) -> Intent:
        """Capture the money. Rejected if declined; an intent past confirming is as it stands.

        Whoever would have to authenticate is declined, unless there is a page to come back to.
        """
        asked: Any = {"error_on_requires_action": True}
        if return_url is not None:
            asked = {"return_url": return_url}
        options: Any = {"idempotency_key": idempotency_key}
        try:
            return intent_of(
                await self._by_key(lambda: self._intents.confirm_async(intent_id, asked, options))
            )
        except Rejected as refused:
            if refused.code != UNEXPECTED_STATE:
                raise
        return await self.retrieve(intent_id)

    async def cancel(self, intent_id: str) -> Intent:
        """End an intent that captured nothing; one past cancelling is as it stands.

        The client makes a key for each of these requests, so that none is answered from a store.
        """
        try:
            with self._asking():
                return intent_of(await self._intents.cancel_async(intent_id))
        except Rejected as refused:
            if refused.code != UNEXPECTED_STATE:
                raise
        return await self.retrieve(intent_id)

    async def retrieve(self, intent_id: str) -> Intent:
        """The intent as it stands."""
        return intent_of(await self._retrieve(intent_id))

    async def balance(self, intent_id: str) -> Balance | None:
        """What is left of an intent now; None if it captured nothing, or is for no order."""
        return balance_of_intent(await self._retrieve(intent_id))

    async def refund(self, intent_id: str, idempotency_key: str) -> str:
        """Give back all that is left of what the intent captured; the refund's id.

        If nothing is left, an earlier refund's: its reply was lost and its key has expired, or
        somebody refunded by hand. Rejected `refund_failed` if the refund that this key stands for
        has failed, now or since: a stored answer tells of the day it was given.
        """
        asked: Any = {"payment_intent": intent_id}
        options: Any = {"idempotency_key": idempotency_key}
        try:
            made = await self._by_key(lambda: self._refunds.create_async(asked, options))
        except Rejected as refused:
            if refused.code != ALREADY_REFUNDED or not (stand := await self.refunds(intent_id)):
                raise
            return stand[0].id
        stands = refund_of(made).stands
        if stands and made.last_response and is_replayed(made.last_response.headers):
            stands = made.id in {refund.id for refund in await self.refunds(intent_id)}
        if not stands:
            raise Rejected("refund_failed", f"refund {made.id} has failed")
        return made.id

    async def refunds(self, intent_id: str) -> list[Refund]:
        """The refunds of an intent that stand, newest first."""
        return [refund for refund in await self.all_refunds(intent_id) if refund.stands]

    async def all_refunds(self, intent_id: str) -> list[Refund]:
        """The refunds of an intent, failed ones too, newest first."""
        with self._asking():
            page = await self._refunds.list_async({"payment_intent": intent_id, "limit": PAGE})
        return [refund_of(refund) for refund in page.data]

    async def captures(self, period: Period) -> tuple[list[Balance], str | None]:
        """What is left of the captures of intents of a time, a page of them, and how to go on."""
        asked = _build_listing(period, f"data.{CHARGE}")
        with self._asking():
            page = await self._intents.list_async(asked)
        last = page.data[-1].id if page.has_more else None
        balances = [balance_of_intent(intent) for intent in page.data]
        return [balance for balance in balances if balance is not None], last

    async def list_refunds(self, period: Period) -> tuple[list[tuple[Refund, Balance]], str | None]:
        """The refunds of a time, a page of them, with what is left of their captures."""
        asked = _build_listing(period, "data.charge")
        with self._asking():
            page = await self._refunds.list_async(asked)
        last = page.data[-1].id if page.has_more else None
        both = [(refund_of(refund), balance_of_refund(refund)) for refund in page.data]
        return [(refund, balance) for refund, balance in both if balance is not None], last

    async def _retrieve(self, intent_id: str) -> stripe.PaymentIntent:
        with self._asking():
            return await self._intents.retrieve_async(intent_id, {"expand": [CHARGE]})

    async def _by_key(self, ask: Callable[[], Awaitable[A]]) -> A:
        """Ask by an idempotency key. StoredFailure if a failure is kept under it.

        A provider says so by a header. Where that is missing, a second 500 of the same words is
        taken for the first one's: it does no harm to look what stands.
        """
        try:
            with self._asking():
                return await ask()
        except ProviderFailed as failed:
            first = failed
        if first.answer[0] != FAILED:
            raise first
        try:
            with self._asking():
                return await ask()
        except ProviderFailed as second:
            if second.answer == first.answer:
                raise StoredFailure(second.detail) from second
            raise

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One request inside. CircuitOpen, before it is made, while the provider is left alone."""
        with self._breaker.call() if self._breaker else nullcontext(), translate_errors():
            yield

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close_async()


def _build_listing(period: Period, expanded: str) -> Any:
    """What to ask a list for; typed as the client's, which has a dictionary for each."""
    # The provider counts whole seconds; what it made in the one that is the end's belongs to it.
    within = {"gte": int(period.begin.timestamp()), "lt": ceil(period.end.timestamp())}
    asked: dict[str, Any] = {"created": within, "expand": [expanded], "limit": PAGE}
    return asked if period.cursor is None else asked | {"starting_after": period.cursor}
