"""The provider's errors, translated once.

a declined card, an invalid request        Rejected, with the provider's code
no answer, 5xx, rate limit, key in use     Unavailable: the outcome is unknown, ask again
a 5xx that is kept under the request's key StoredFailure: asking again by that key is no use
a wrong API key                            Unavailable: an operator mends it, nothing is lost
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import stripe

from saga.participant import Rejected, ServiceError, Unavailable

SOON = 1.0  # seconds: the provider is well, and asks for a moment
LATEST = 60.0  # the longest that a provider may send us away for
REPLAYED = "Idempotent-Replayed"
BUSY = {409, 429}  # the key or the object is in use, or there were too many requests


class ProviderFailed(Unavailable):
    """The provider says that it failed; what came of the request is unknown."""

    def __init__(self, detail: str, status: int, body: str | None) -> None:
        super().__init__(detail)
        self.answer = (status, body)


class StoredFailure(Unavailable):
    """The provider keeps a failure under this key, and answers it to whoever asks by it again.

    That request is over, whatever it has done. So ask what stands; then another key may be used.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail, retry_after=SOON)


@contextmanager
def translate_errors() -> Iterator[None]:
    """A request inside: what it raises is named for whoever decides."""
    try:
        yield
    except stripe.StripeError as error:
        raise _translate(error) from error


def is_replayed(headers: Mapping[str, str]) -> bool:
    """Whether an answer is one that was stored under the request's key, of an earlier request."""
    return any(
        name.lower() == REPLAYED.lower() and value == "true" for name, value in headers.items()
    )


def _translate(error: stripe.StripeError) -> ServiceError:
    detail = error.user_message or type(error).__name__
    if isinstance(error, stripe.CardError):
        decline_code = getattr(error.error, "decline_code", None)
        return Rejected(decline_code or error.code or "card_declined", detail)
    if isinstance(error, stripe.InvalidRequestError):
        return Rejected(error.code or "invalid_request", detail)
    if isinstance(error, stripe.IdempotencyError):
        return Rejected("idempotency_key_reused", detail)
    return _unavailable(error, f"payment provider: {detail}")


def _unavailable(error: stripe.StripeError, detail: str) -> Unavailable:
    status = error.http_status or 0
    if status in BUSY:
        return Unavailable(detail, retry_after=_read_retry_after(error.headers or {}))
    if status < 500:
        return Unavailable(detail)
    if is_replayed(error.headers or {}):
        return StoredFailure(detail)
    return ProviderFailed(detail, status, error.http_body)


def _read_retry_after(headers: Mapping[str, str]) -> float:
    """For how many seconds the provider does not want to be asked."""
    given = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return min(float(given), LATEST) if given.isdecimal() else SOON
