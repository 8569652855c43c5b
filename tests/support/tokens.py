"""Tokens for tests: an issuer made for this run, and who judges what it signs."""

from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from api.security.authentication import Scope
from infrastructure.security.access_tokens import Issuer, Verifier
from infrastructure.security.jwks import parse
from infrastructure.security.signing_keys import SigningKey

AUDIENCE = "api-of-the-tests"
ISSUER = Issuer("issuer-of-the-tests", SigningKey.generate())
OPERATOR = "operator-of-the-tests"
SERVICE = "service-of-the-tests"


class FixedKeys:
    """Keys that are just there."""

    def __init__(self, *keys: SigningKey) -> None:
        self._keys: dict[str, EllipticCurvePublicKey] = {}
        for key in keys:
            self._keys |= parse(key.jwks.encode())

    async def find(self, kid: str) -> EllipticCurvePublicKey | None:
        return self._keys.get(kid)


def verifier() -> Verifier:
    """As an API has it that trusts the issuer of the tests."""
    return Verifier(FixedKeys(ISSUER.key), issuer=ISSUER.name, audience=AUDIENCE)


def bearer(subject: str = OPERATOR, *scopes: str) -> dict[str, str]:
    """The header of a request by this subject; an operator's if nothing else is said."""
    token = ISSUER.mint(AUDIENCE, subject, scopes or (Scope.OPERATOR,), timedelta(hours=12))
    return {"Authorization": f"Bearer {token}"}
