"""Tokens at the edge: judged there, and again behind."""

from datetime import UTC, datetime, timedelta

import pytest

from infrastructure.security.access_tokens import Issuer
from infrastructure.security.signing_keys import SigningKey
from tests.gateway.edge import Edge
from tests.support.tokens import AUDIENCE, ISSUER, bearer
from tests.support.wire import request

STRANGER = Issuer(ISSUER.name, SigningKey.generate())
PAST = -timedelta(hours=1)
BAD = {
    "no token at all": "",
    "no bearer": "Basic dXNlcjpwYXNz",
    "no JWT": "Bearer nonsense",
    "another key": f"Bearer {STRANGER.mint(AUDIENCE, 'usr_1', ['operator'])}",
    "another issuer": f"Bearer {Issuer('other', ISSUER.key).mint(AUDIENCE, 'usr_1', ['operator'])}",
    "another audience": f"Bearer {ISSUER.mint('elsewhere', 'usr_1', ['operator'])}",
    "expired": f"Bearer {ISSUER.mint(AUDIENCE, 'usr_1', ['operator'], PAST)}",
    "not signed": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMSJ9.",
}


def signed(**claims: object) -> str:
    """A token of ours with these claims instead."""
    now = int(datetime.now(UTC).timestamp())
    usual = {"iss": ISSUER.name, "aud": AUDIENCE, "sub": "usr_1", "exp": now + 60, "iat": now}
    return f"Bearer {ISSUER.key.sign({**usual, **claims}, {'typ': 'at+jwt'})}"


@pytest.mark.parametrize("name", BAD)
async def test_who_has_no_good_token_is_refused_at_the_edge(gateway: Edge, name: str) -> None:
    given = BAD[name]
    answer = await gateway.ask(request("POST", "/v1/orders", {"Authorization": given}, b"{}"))
    problem = answer.problem()
    assert answer.status == 401
    assert problem["code"] == ("invalid_token" if "Bearer" in given else "token_missing")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="order-saga"')
    assert gateway.upstream.received == []


@pytest.mark.parametrize("claims", [{"sub": ""}, {"sub": 7}, {"sub": None}, {"exp": None}])
async def test_a_token_that_names_nobody_or_never_ends_is_refused(
    gateway: Edge, claims: dict[str, object]
) -> None:
    answer = await gateway.ask(request("GET", "/v1/orders", {"Authorization": signed(**claims)}))
    assert answer.status == 401
    assert gateway.upstream.received == []


@pytest.mark.parametrize("path", ["/v1/orders?access_token=", "/v1/orders?token="])
async def test_a_token_in_the_url_is_none(gateway: Edge, path: str) -> None:
    token = bearer()["Authorization"].removeprefix("Bearer ")
    answer = await gateway.ask(request("GET", path + token, {"Authorization": ""}))
    assert answer.status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_good_token_goes_on_as_it_is(gateway: Edge, scheme: str) -> None:
    sent = bearer()["Authorization"].replace("Bearer", scheme)
    assert (await gateway.ask(request("GET", "/v1/orders", {"Authorization": sent}))).status == 200
    assert gateway.upstream.received[0].all("authorization") == [sent]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/openapi.json", "/docs"])
async def test_what_is_for_all_needs_no_token(gateway: Edge, path: str) -> None:
    assert (await gateway.ask(request("GET", path, {"Authorization": ""}))).status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/V1/orders", "/v1", "/metrics", "/", "/admin", "/stats", "/health", "/health/live/x"),
        *(
            "/docs/../metrics",
            "/docs/assets/../../metrics",
            "/v1/../metrics",
            "/docs%2f..%2fmetrics",
        ),
        *("/docs/assets/%2e%2e/%2e%2e/v1/orders", "/health/live/../../v1/orders", "//v1/orders"),
        *("/docs/assets/..%2f..%2fv1/orders", "/v1/orders%00", "/docs/assets\\..\\v1"),
    ],
)
async def test_no_way_of_writing_a_path_opens_another(gateway: Edge, path: str) -> None:
    answer = await gateway.ask(request("GET", path, {"Authorization": ""}))
    assert answer.status in {400, 401, 404}, gateway.upstream.received
    answer.problem()
    assert gateway.upstream.received == []
