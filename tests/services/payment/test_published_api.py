"""Each request to the provider is valid by its published description, without asking anybody."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx2
import pytest
import stripe

from services.payment.provider.client import API_VERSION, Period, Provider
from tests.sandbox.process import Sandbox
from tests.services.payment.published_api import (
    CALLS,
    INTENTS,
    LONGEST_KEY,
    REFUNDS,
    VERSION,
    call_of,
    find_faults,
)
from tests.services.payment.stack import an_order, provider_at

INSTALLATION = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


class Recording(httpx2.AsyncHTTPTransport):
    """Keeps the requests that pass."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)


def given(request: httpx2.Request) -> dict[str, str]:
    """A request's parameters, each once."""
    encoded = request.content.decode() if request.method == "POST" else request.url.query.decode()
    pairs = parse_qsl(encoded, keep_blank_values=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


async def ask_for_all(provider: Provider) -> None:
    """Every request that the client can make, with all that it can say."""
    key, command = an_order()
    intent = await provider.create(key, command, INSTALLATION, f"{key.saga_id}/create")
    await provider.confirm(intent.id, f"{key.saga_id}/confirm")
    assert await provider.balance(intent.id)
    await provider.refund(intent.id, f"{key.saga_id}/refund")
    assert await provider.refunds(intent.id)
    other = await provider.create(key, command, None, f"{key.saga_id}/create/2")
    await provider.confirm(other.id, f"{key.saga_id}/confirm/2", "https://shop.example/orders/1")
    await provider.cancel(other.id)
    now = datetime.now(UTC)
    period = Period(now - timedelta(days=1), now + timedelta(minutes=1))
    await provider.captures(period)
    await provider.captures(period._replace(cursor=intent.id))
    refunded, _ = await provider.list_refunds(period)
    await provider.list_refunds(period._replace(cursor=refunded[0][0].id))


async def test_every_request_is_valid_by_the_published_description(sandbox: Sandbox) -> None:
    transport = Recording()
    provider = provider_at(sandbox, transport=transport)
    await ask_for_all(provider)
    await provider.close()
    asked = {call_of(request.method, request.url.path) for request in transport.requests}
    assert asked == set(CALLS)
    for request in transport.requests:
        call = CALLS[call_of(request.method, request.url.path)]
        assert find_faults(call, given(request)) == [], request.url
        assert request.headers["stripe-version"] == VERSION
        if request.method == "POST":
            assert 1 <= len(request.headers["idempotency-key"]) <= LONGEST_KEY
            assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_the_version_is_ours_and_of_the_description() -> None:
    """The client's own one moves with its releases, within the same name for what is compatible."""
    assert API_VERSION == VERSION
    assert VERSION.rpartition(".")[2] == str(stripe.api_version).rpartition(".")[2]


@pytest.mark.parametrize(
    ("call", "parameters", "fault"),
    [
        (("POST", INTENTS), {"currency": "eur"}, "amount is missing"),
        (("POST", INTENTS), {"amount": "1", "currency": "EUR"}, "currency must not be 'EUR'"),
        (("POST", INTENTS), {"amount": "1.5", "currency": "eur"}, "amount must not be '1.5'"),
        (("POST", REFUNDS), {"intent": "pi_1"}, "intent is no parameter"),
        (("GET", REFUNDS), {"limit": "101"}, "limit must not be '101'"),
        (("GET", REFUNDS), {"expand[0]": "charge"}, "expand[0] must not be 'charge'"),
        (("GET", INTENTS), {"created[ge]": "1"}, "created[ge] is no parameter"),
    ],
)
def test_what_the_description_does_not_allow_is_found(
    call: tuple[str, str], parameters: Mapping[str, str], fault: str
) -> None:
    assert find_faults(CALLS[call], parameters) == [fault]
