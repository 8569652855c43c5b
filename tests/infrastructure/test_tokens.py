"""Tokens between services: for one audience, for a moment; and the keys that sign them."""

import base64
import hashlib
import time
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP384R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infrastructure.security.access_tokens import (
    BETWEEN_SERVICES,
    MAX_LEEWAY,
    Issuer,
    TokenRefused,
    Verifier,
)
from infrastructure.security.signing_keys import SigningKey
from tests.support.tokens import FixedKeys

WORKERS = Issuer("workers", SigningKey.generate())


def at(service: str, *, leeway: float = 0) -> Verifier:
    """As this service judges what the workers send it."""
    keys = FixedKeys(WORKERS.key)
    return Verifier(keys, issuer="workers", audience=service, leeway=leeway)


async def test_a_token_is_good_at_the_service_that_it_is_for_and_nowhere_else() -> None:
    token = WORKERS.mint("payment", "worker-1", ["service"])
    claims = await at("payment").verify(token)
    assert (claims.subject, claims.scopes) == ("worker-1", frozenset({"service"}))
    assert claims.good_until == pytest.approx(time.time() + BETWEEN_SERVICES.total_seconds(), abs=2)
    for other in ("inventory", "user", "order", "order-saga-api"):
        with pytest.raises(TokenRefused, match="another audience"):
            await at(other).verify(token)


async def test_a_token_between_services_is_over_soon() -> None:
    assert timedelta(0) < BETWEEN_SERVICES <= timedelta(minutes=5)
    over = WORKERS.mint("payment", "worker-1", ["service"], timedelta(0))
    with pytest.raises(TokenRefused, match="expired"):
        await at("payment").verify(over)
    assert await at("payment", leeway=MAX_LEEWAY).verify(over)


async def test_two_tokens_are_never_the_same() -> None:
    first, second = (WORKERS.mint("payment", "worker-1", []) for _ in range(2))
    assert first != second


class AnyName:
    """Keys that have the right one under every name."""

    async def find(self, kid: str) -> EllipticCurvePublicKey | None:
        return WORKERS.key.private.public_key()


@pytest.mark.parametrize(
    "kid", ["", "../../dev/null", "x' OR 'x'='x", "a b", "k" * 129, "é", "x\n"]
)
async def test_a_name_that_could_be_no_keys_is_not_even_looked_for(kid: str) -> None:
    good = WORKERS.mint("payment", "worker-1", ["service"])
    payload = jwt.decode(good, options={"verify_signature": False})
    verifier = Verifier(AnyName(), issuer="workers", audience="payment")
    assert await verifier.verify(good)
    header = {"typ": "at+jwt", "kid": kid}
    named = jwt.encode(payload, WORKERS.key.private, algorithm="ES256", headers=header)
    with pytest.raises(TokenRefused, match="kid"):
        await verifier.verify(named)


@pytest.mark.parametrize("leeway", [-1, MAX_LEEWAY + 1])
def test_clocks_that_differ_by_more_than_the_bound_are_not_provided_for(leeway: float) -> None:
    with pytest.raises(ValueError, match="leeway"):
        at("payment", leeway=leeway)


def test_a_key_survives_being_written_down() -> None:
    key = SigningKey.generate()
    again = SigningKey.from_pem(key.pem.encode())
    assert (again.kid, again.jwks) == (key.kid, key.jwks)
    assert "PRIVATE KEY" in key.pem
    assert '"d"' not in key.jwks


def test_a_key_of_another_curve_is_refused() -> None:
    other = generate_private_key(SECP384R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="P-256"):
        SigningKey.from_pem(pem)


def test_a_keys_name_is_its_thumbprint() -> None:
    """RFC 7638: SHA-256 of the required members, in this order and without white space."""
    key = SigningKey.generate()
    members = '{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.format(**key.jwk)
    digest = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest())
    assert key.kid == digest.decode().rstrip("=")
