"""The codec server: lets the Web UI and the CLI read and write payloads, for operators alone.

    POST /encode, /decode   {"payloads": [...]}, by Temporal's remote codec protocol
    GET  /sign-in           a page that takes a token and keeps it in a cookie, for the Web UI
    GET  /health/live

It trusts the tokens that the API trusts. Each request is logged with who made it. What is not
encrypted is handed back as it is, as the protocol has it; what never opens says so in its place.
"""

import base64
import json
import logging
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field, PlainSerializer, PlainValidator
from temporalio.api.common.v1 import Payload

from infrastructure.http.health_endpoints import LIVE, live
from infrastructure.security.access_tokens import TokenRefused, Verifier, bearer_token
from infrastructure.security.key_ring import EncryptionError
from infrastructure.telemetry.web import telemetry
from infrastructure.temporal.payload_codec import PayloadEncryptor
from saga.participant import Unavailable

log = logging.getLogger("codec")

SCOPE = "operator"
COOKIE = "codec_session"
MAX_BODY = 8 * 1024 * 1024  # bytes; a page of history, as base64
MOST = 5000  # payloads in a request
HEADERS = ("Authorization", "Content-Type", "X-Namespace")
PAGE = """<!doctype html><meta charset="utf-8"><title>Codec server</title>
<body style="font: 16px sans-serif; max-width: 34em; margin: 3em auto"><h1>Codec server</h1>
<p>{said}</p><form method="post"><label>A token with the scope operator, as
<code>saga token --scope operator</code> prints it:<br>
<input name="token" type="password" size="60" autocomplete="off"></label>
<button>Sign in</button></form>"""
SAFE_PAGE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def _from_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("must be base64")  # noqa: TRY004 - pydantic wants it so
    return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)


Bytes = Annotated[
    bytes,
    PlainValidator(_from_base64),
    PlainSerializer(lambda it: base64.b64encode(it).decode(), return_type=str),
]


class WirePayload(BaseModel):
    """A payload in JSON, as protocol buffers have it."""

    metadata: dict[str, Bytes] = Field(default_factory=dict)
    data: Bytes = b""


class WirePayloads(BaseModel):
    """What is asked and answered."""

    payloads: Annotated[list[WirePayload], Field(max_length=MOST)] = Field(default_factory=list)


def create_app(
    encryptor: PayloadEncryptor, namespace: str, verifier: Verifier, origins: Sequence[str]
) -> FastAPI:
    """The application for one namespace; pages of `origins` may call it."""
    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, max_body_size=MAX_BODY,
        telemetry=telemetry(),
    )  # fmt: skip
    app.state.verifier, app.state.namespace = verifier, namespace
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["POST"],
        allow_headers=list(HEADERS),
        allow_credentials=True,
    )

    app.get(LIVE)(live)

    @app.post("/encode")
    async def encode(body: WirePayloads, who: Operator) -> WirePayloads:
        log.info("%s encoded %s payloads", who, len(body.payloads))
        return _to_wire([encryptor.seal(_to_payload(payload), None) for payload in body.payloads])

    @app.post("/decode")
    async def decode(body: WirePayloads, who: Operator) -> WirePayloads:
        log.info("%s decoded %s payloads", who, len(body.payloads))
        return _to_wire(
            [_open_or_explain(encryptor, _to_payload(payload)) for payload in body.payloads]
        )

    _add_sign_in(app)
    return app


async def operator(request: Request) -> str:
    """Who asks. 401 without a good token in the header or the cookie, 403 for other scopes."""
    given = request.headers.getlist("authorization")
    try:
        token = bearer_token(given) if given else request.cookies.get(COOKIE, "")
    except TokenRefused as error:
        raise _demand_token(error) from None
    subject = await _authorize(request.app.state.verifier, token)
    namespace = request.headers.get("x-namespace", "")
    if namespace != request.app.state.namespace:
        raise HTTPException(403, f"this serves the namespace {request.app.state.namespace!r} only")
    return subject


Operator = Annotated[str, Depends(operator)]


async def _authorize(verifier: Verifier, token: str) -> str:
    try:
        claims = await verifier.verify(token)
    except TokenRefused as error:
        raise _demand_token(error) from None
    except Unavailable as error:
        raise HTTPException(503, "no key to judge tokens by", {"Retry-After": "1"}) from error
    if SCOPE not in claims.scopes:
        raise HTTPException(403, f"this needs a token with the scope {SCOPE}")
    return claims.subject


def _demand_token(error: TokenRefused) -> HTTPException:
    challenge = {"WWW-Authenticate": "Bearer"}
    return HTTPException(401, f"an operator's token is needed: {error}", challenge)


def _to_payload(given: WirePayload) -> Payload:
    return Payload(metadata=given.metadata, data=given.data)


def _to_wire(payloads: Sequence[Payload]) -> WirePayloads:
    return WirePayloads.model_construct(
        payloads=[
            WirePayload.model_construct(metadata=dict(payload.metadata), data=payload.data)
            for payload in payloads
        ]
    )


def _open_or_explain(encryptor: PayloadEncryptor, payload: Payload) -> Payload:
    """The payload in it; if it cannot be opened, why, so that the others of a page are shown."""
    try:
        return encryptor.open(payload, None)
    except EncryptionError as error:
        said = {"not decoded": type(error).__name__, "detail": str(error)}
        return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(said).encode())


def _add_sign_in(app: FastAPI) -> None:
    @app.get("/sign-in")
    async def page() -> Response:
        return HTMLResponse(PAGE.format(said="For the Temporal Web UI."), headers=SAFE_PAGE)

    @app.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form: dict[str, Any] = parse_qs((await request.body()).decode(errors="replace"))
        token = "".join(form.get("token", [])[:1]).strip()
        try:
            await _authorize(request.app.state.verifier, token)
        except HTTPException as error:
            said = "This token does not do."
            return HTMLResponse(PAGE.format(said=said), error.status_code, headers=SAFE_PAGE)
        answer = RedirectResponse("/sign-in", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, secure=secure, httponly=True, samesite="strict")
        return answer
