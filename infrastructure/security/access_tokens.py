"""Access tokens: who calls, and what they may do. Minted and verified here and nowhere else.

JSON Web Tokens (RFC 7519) with the rules of RFC 8725 and RFC 9068, signed by ES256. The algorithm
and the keys are ours: nothing that a token says of itself chooses them. An audience is a part of
the system, so a token for one service is worth nothing at another.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from infrastructure.security.signing_keys import ALGORITHM, SigningKey

TYPE = "at+jwt"
TYPES = {TYPE, "jwt"}
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
# Each of these would let the token choose its key, or change what its signature means.
FORBIDDEN_HEADERS = ("jku", "jwk", "x5u", "x5c", "crit")
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
KID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")
MAX_LEEWAY = 30.0
MAX_BYTES = 4096
FAR = 253402300800  # seconds since 1970: the year 10000
BETWEEN_SERVICES = timedelta(seconds=60)


class TokenRefused(Exception):
    """The token proves nothing. The message says why, and quotes nothing of the token."""


class TokenMissing(TokenRefused):
    """No bearer token came."""


def bearer_token(given: Sequence[str]) -> str:
    """The token in a request's Authorization headers (RFC 6750, section 2.1).

    TokenMissing if there is none; TokenRefused if there is more than one header.
    """
    if len(given) > 1:
        raise TokenRefused("there is more than one Authorization header")
    scheme, _, token = "".join(given).partition(" ")
    if scheme.lower() != "bearer":
        raise TokenMissing("send a token: Authorization: Bearer …")
    return token.strip(" ")


@dataclass(frozen=True)
class Claims:
    """What a token that was verified says: who it is for, with which scopes, and for how long.

    `good_until` is in seconds since 1970, and has the leeway in it.
    """

    subject: str
    scopes: frozenset[str]
    good_until: float


class Keys(Protocol):
    """Public keys by their `kid`."""

    async def find(self, kid: str) -> EllipticCurvePublicKey | None:
        """The key, or None if there is none. Unavailable if no keys are known at all."""


@dataclass(frozen=True)
class Issuer:
    """Mints tokens in its name, with its key."""

    name: str
    key: SigningKey

    def mint(
        self,
        audience: str,
        subject: str,
        scopes: Iterable[str],
        lifetime: timedelta = BETWEEN_SERVICES,
    ) -> str:
        """A token that is valid from now on. The lifetime's default is that between services."""
        now = datetime.now(UTC)
        claims = {
            "iss": self.name,
            "aud": audience,
            "sub": subject,
            "scope": " ".join(scopes),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": uuid4().hex,
        }
        return self.key.sign(claims, {"typ": TYPE})


class Verifier:
    """Judges tokens for one audience.

    `leeway` is how many seconds clocks may differ, `max_bytes` the longest token that is looked at.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str,
        leeway: float = 10.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        if not 0 <= leeway <= MAX_LEEWAY:
            raise ValueError(f"a leeway of {leeway} s is not between 0 and {MAX_LEEWAY:g}")
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._max_bytes = max_bytes

    async def verify(self, token: str) -> Claims:
        """What the token says, if all of it can be trusted. TokenRefused if not.

        Unavailable if no key to judge it by could be fetched yet.
        """
        key = await self._keys.find(self._kid(token))
        if key is None:
            raise TokenRefused("the token is signed by a key that is not known here")
        return _check_claims(self._payload(token, key), self._leeway)

    def _kid(self, token: str) -> str:
        """The name of the key to check it by; refuses what is no token of the kind we take."""
        if len(token) > self._max_bytes:
            raise TokenRefused(f"the token is longer than {self._max_bytes} bytes")
        if not COMPACT.fullmatch(token):
            raise TokenRefused("this is no signed JSON Web Token")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise TokenRefused("this is no signed JSON Web Token") from None
        return _check_header(header)

    def _payload(self, token: str, key: EllipticCurvePublicKey) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": REQUIRED},
            )
        except jwt.InvalidTokenError as error:
            raise TokenRefused(_explain_refusal(error)) from None


def _check_header(header: Mapping[str, Any]) -> str:
    """The header's `kid`, if the header is one that we take."""
    if header.get("alg") != ALGORITHM:
        raise TokenRefused(f"the token is not signed by {ALGORITHM}")
    if forbidden := [name for name in FORBIDDEN_HEADERS if name in header]:
        raise TokenRefused(f"the header {forbidden[0]} is not allowed in a token")
    if str(header.get("typ")).lower() not in TYPES:
        raise TokenRefused(f"the header typ must be {TYPE} or JWT")
    kid = header.get("kid")
    if not isinstance(kid, str) or not KID.fullmatch(kid):
        raise TokenRefused("the header kid does not name a key")
    return kid


def _check_claims(payload: Mapping[str, Any], leeway: float) -> Claims:
    """What is left to check of a payload whose signature and standard claims are good."""
    for name in ("exp", "iat", "nbf"):
        value = payload.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenRefused(f"the claim {name} must be a number of seconds")
    if not SUBJECT.fullmatch(payload["sub"]):
        raise TokenRefused("the claim sub must be 1 to 255 printable ASCII characters")
    scope = payload.get("scope", "")
    if not isinstance(scope, str):
        raise TokenRefused("the claim scope must be text: scopes with spaces between them")
    until = min(payload["exp"], FAR) + leeway
    return Claims(subject=payload["sub"], scopes=frozenset(scope.split()), good_until=until)


def _explain_refusal(error: jwt.InvalidTokenError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"the claim {error.claim} is missing"
    reasons = {
        jwt.ExpiredSignatureError: "the token has expired",
        jwt.ImmatureSignatureError: "the token is not valid yet",
        jwt.InvalidIssuerError: "the token is of another issuer",
        jwt.InvalidAudienceError: "the token is for another audience",
        jwt.InvalidSignatureError: "the signature is wrong",
    }
    return reasons.get(type(error), "the token is malformed")
