"""Tokens that prove nothing, each refused with 401 on a route that any good token opens."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infrastructure.security.access_tokens import Issuer
from infrastructure.security.signing_keys import SigningKey
from tests.support.tokens import AUDIENCE, ISSUER
from tests.support.world import World

STRANGER = SigningKey.generate()
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": ISSUER.key.kid}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, but for the changes; None removes one."""
    now = int(time.time())
    good = {
        "iss": ISSUER.name,
        "aud": AUDIENCE,
        "sub": "operator-1",
        "scope": "operator",
        "iat": now,
        "exp": now + 300,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def header(**changes: Any) -> dict[str, Any]:
    """A good header, but for the changes; None removes one."""
    return {name: value for name, value in (HEADER | changes).items() if value is not None}


def b64(data: bytes | dict[str, Any]) -> str:
    raw = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(
    payload: dict[str, Any] | bytes,
    head: dict[str, Any] | None = None,
    key: SigningKey = ISSUER.key,
) -> str:
    """A token that is signed well, whatever is in it: the header may say what it likes."""
    parts = f"{b64(head or HEADER)}.{b64(payload)}"
    # The library signs what it is given; its own header is then exchanged for ours.
    raw = jwt.get_algorithm_by_name("ES256").sign(parts.encode(), key.private)
    return f"{parts}.{b64(raw)}"


def hs256(secret: bytes, **head: Any) -> str:
    """Signed by a secret that everybody knows: our public key."""
    parts = f"{b64(header(alg='HS256', **head))}.{b64(claims())}"
    return f"{parts}.{b64(hmac.digest(secret, parts.encode(), hashlib.sha256))}"


def public(encoding: Encoding) -> bytes:
    key = ISSUER.key.private.public_key()
    return key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def es384() -> str:
    key = generate_private_key(SECP384R1())
    return jwt.encode(claims(), key, algorithm="ES384", headers=header(alg=None))


def tampered(token: str) -> str:
    head, payload, signature = token.split(".")
    changed = json.loads(unb64(payload)) | {"sub": "somebody-else"}
    return f"{head}.{b64(changed)}.{signature}"


def with_name(name: str) -> str:
    return signed(claims(), header(kid=name))


def now(seconds: float) -> int:
    return int(time.time() + seconds)


GOOD = signed(
    claims(exp=int(time.time()) + 3600)
)  # made now, and used when its tests have their turn
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
CERTIFICATE = base64.b64encode(b"a certificate").decode()

# Where it can be, the signature is good, so that nothing but the fault itself is there to refuse.
FORGED: dict[str, Callable[[], str]] = {
    "alg none": lambda: f"{b64(header(alg='none'))}.{b64(claims())}.",
    "alg None with a signature": lambda: signed(claims(), header(alg="None")),
    "alg missing": lambda: signed(claims(), header(alg=None)),
    "alg no text": lambda: signed(claims(), header(alg=["ES256"])),
    "HS256 with the public key as PEM": lambda: hs256(public(Encoding.PEM)),
    "HS256 with the public key as DER": lambda: hs256(public(Encoding.DER)),
    "HS256 with the key set": lambda: hs256(ISSUER.key.jwks.encode()),
    "HS256 with an empty secret": lambda: hs256(b""),
    "ES384": es384,
    "jwk": lambda: signed(claims(), header(jwk=STRANGER.jwk), STRANGER),
    "jwk of the right key": lambda: signed(claims(), header(jwk=ISSUER.key.jwk)),
    "jku": lambda: signed(claims(), header(jku="https://evil.example/jwks.json")),
    "x5u": lambda: signed(claims(), header(x5u="https://evil.example/x.pem")),
    "x5c": lambda: signed(claims(), header(x5c=[CERTIFICATE])),
    "crit": lambda: signed(claims(), header(crit=["exp"])),
    "b64 false": lambda: signed(claims(), header(b64=False)),
    "kid of another key": lambda: signed(claims(), header(kid=STRANGER.kid), STRANGER),
    "kid missing": lambda: signed(claims(), header(kid=None)),
    "kid empty": lambda: with_name(""),
    "kid a path": lambda: with_name("../../../../dev/null"),
    "kid like SQL": lambda: with_name("x' UNION SELECT 'secret"),
    "kid like a command": lambda: with_name("x;cat /etc/passwd"),
    "kid a number": lambda: signed(claims(), header(kid=1)),
    "kid very long": lambda: with_name("k" * 1000),
    "typ of an identity token": lambda: signed(claims(), header(typ="id+jwt")),
    "typ missing": lambda: signed(claims(), header(typ=None)),
    "typ no text": lambda: signed(claims(), header(typ={"at+jwt": 1})),
    "expired": lambda: signed(claims(iat=now(-600), exp=now(-60))),
    "not valid yet": lambda: signed(claims(nbf=now(60))),
    "issued in the future": lambda: signed(claims(iat=now(60))),
    "another issuer": lambda: signed(claims(iss="https://evil.example")),
    "issuer with more behind it": lambda: signed(claims(iss=f"{ISSUER.name}.evil.example")),
    "another audience": lambda: signed(claims(aud="payment")),
    "no audience among many": lambda: signed(claims(aud=["payment", "inventory"])),
    "audience an object": lambda: signed(claims(aud={AUDIENCE: 1})),
    "no iss": lambda: signed(claims(iss=None)),
    "no aud": lambda: signed(claims(aud=None)),
    "no sub": lambda: signed(claims(sub=None)),
    "no exp": lambda: signed(claims(exp=None)),
    "no iat": lambda: signed(claims(iat=None)),
    "sub empty": lambda: signed(claims(sub="")),
    "sub a number": lambda: signed(claims(sub=7)),
    "sub with a line break": lambda: signed(claims(sub="usr_1\r\nX: y")),
    "exp text": lambda: signed(claims(exp=str(now(300)))),
    "exp infinite": lambda: signed(claims(exp=float("inf"))),
    "exp true": lambda: signed(claims(exp=True)),
    "scope a list": lambda: signed(claims(scope=["operator"])),
    "scope an object": lambda: signed(claims(scope={"operator": True})),
    "payload no object": lambda: signed(b"[]"),
    "payload no JSON": lambda: signed(b"{"),
    "payload nested deeply": lambda: signed(b"[" * 2000),
    "header nested deeply": lambda: f"{b64(b'[' * 2000)}.{PAYLOAD}.{SIGNATURE}",
    "header no object": lambda: f"{b64(b'[1]')}.{PAYLOAD}.{SIGNATURE}",
    "wrong key under the right name": lambda: signed(claims(), HEADER, STRANGER),
    "signature stripped": lambda: f"{HEAD}.{PAYLOAD}.",
    "signature left out": lambda: f"{HEAD}.{PAYLOAD}",
    "signature of nothing": lambda: f"{HEAD}.{PAYLOAD}.{b64(bytes(64))}",
    "signature in DER": lambda: f"{HEAD}.{PAYLOAD}.{b64(b'0' + bytes(70))}",
    "signature of another token": lambda: f"{HEAD}.{b64(claims(sub='x'))}.{SIGNATURE}",
    "payload tampered with": lambda: tampered(GOOD),
    "padding": lambda: f"{GOOD}==",
    "garbage": lambda: "garbage",
    "garbage of three parts": lambda: "!!!.???.%%%",
    "five parts": lambda: f"{GOOD}.{PAYLOAD}.{SIGNATURE}",
    "oversized": lambda: signed(claims(filler="x" * 5000)),
    "two in one header": lambda: f"{GOOD} {GOOD}",
    "two with a comma": lambda: f"{GOOD}, Bearer {GOOD}",
    "empty": lambda: "",
}


async def ask(world: World, *given: str, query: str = "") -> httpx2.Response:
    """With exactly these Authorization headers."""
    request = world.http.build_request("GET", f"/v1/products{query}")
    del request.headers["Authorization"]
    raw = [(b"Authorization", value.encode("latin-1")) for value in given]
    request.headers = httpx2.Headers([*request.headers.raw, *raw])
    return await world.http.send(request)


def refused(answer: httpx2.Response, code: str = "invalid_token") -> None:
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="order-saga"')
    assert ('error="invalid_token"' in challenge) == (code == "invalid_token")


@pytest.mark.parametrize("case", FORGED)
async def test_a_forged_or_faulty_token_is_refused(world: World, case: str) -> None:
    refused(await ask(world, f"Bearer {FORGED[case]()}"))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: GOOD, id="as it should be"),
        pytest.param(lambda: signed(claims(), header(typ="JWT")), id="typ JWT"),
        pytest.param(lambda: signed(claims(aud=["payment", AUDIENCE])), id="one of its audiences"),
        pytest.param(lambda: signed(claims(exp=now(-5), iat=now(-60))), id="within the leeway"),
        pytest.param(lambda: signed(claims(iat=now(5), nbf=now(5))), id="of a clock that is fast"),
        pytest.param(
            lambda: ISSUER.mint(AUDIENCE, "a|b@c", ["operator"], timedelta(seconds=60)), id="minted"
        ),
    ],
)
async def test_a_good_token_passes(world: World, token: Callable[[], str]) -> None:
    assert (await ask(world, f"Bearer {token()}")).status_code == 200
    assert (await ask(world, f"bearer {token()}")).status_code == 200


async def test_a_token_must_come_in_one_authorization_header(world: World) -> None:
    refused(await ask(world), "token_missing")
    refused(await ask(world, "Basic b3BlcmF0b3I6c2VjcmV0"), "token_missing")
    refused(await ask(world, GOOD), "token_missing")
    refused(await ask(world, query=f"?access_token={GOOD}"), "token_missing")
    refused(await ask(world, f"Bearer {GOOD}", f"Bearer {GOOD}"))
    refused(await ask(world, "Basic b3BlcmF0b3I6c2VjcmV0", f"Bearer {GOOD}"))
    refused(await ask(world, "Bearer \xe9.\xe9.\xe9"))


async def test_a_stranger_cannot_mint_in_the_issuers_name(world: World) -> None:
    forged = Issuer(ISSUER.name, STRANGER).mint(AUDIENCE, "operator-1", ["operator"])
    refused(await ask(world, f"Bearer {forged}"))


async def test_a_refusal_quotes_nothing_of_the_token(world: World) -> None:
    answer = await ask(world, f"Bearer {signed(claims(iss='<script>'))}")
    assert "<" not in answer.text
    assert "<" not in str(answer.headers.raw)
