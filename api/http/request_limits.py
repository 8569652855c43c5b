"""Limits of requests, before any route sees them: URI, headers, media types, body.

Pure ASGI, like `RequestIdMiddleware`. The body is read whole, since it is small, and handed on in
one piece. FastAPI has a limit of the body's size too, but none of time, and it knows the size only
of bodies that a route reads; here one place counts both.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import strict_json
from api.http.content_negotiation import accepts
from api.http.limits import (
    BODY_TIMEOUT,
    LINGER,
    LINGER_BYTES,
    MAX_BODY,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_URI,
)
from api.http.problem_details import Problem, answer

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
STREAM_PATH = "/events"
JSON_PATHS = ("/v1", "/health")  # everything but the documents, which are for people
FORM = "application/x-www-form-urlencoded"
FORM_PATHS = ("/console/",)  # what pages send by themselves
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class ClientGoneError(Exception):
    """The client hung up before its request was complete."""


class RequestLimitsMiddleware:
    """Middleware: refuses what is out of bounds with a problem document."""

    def __init__(self, app: ASGIApp, *, body_timeout: timedelta = BODY_TIMEOUT) -> None:
        self._app = app
        self._body_timeout = body_timeout.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        whole = False
        try:
            _check_head(scope, Headers(scope=scope))
            body = await self._read(receive)
            whole = True
            if body and scope["method"] != "GET" and not scope["path"].startswith(FORM_PATHS):
                strict_json.check(body)
        except ClientGoneError:
            return
        except Problem as problem:
            await (_answer if whole else _cut_off)(scope, problem, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    async def _read(self, receive: Receive) -> bytes:
        """The whole body. Problem 408 or 413; ClientGoneError."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_timeout):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    body += message.get("body", b"")
                    if len(body) > MAX_BODY:
                        raise _too_large()
                    more = message.get("more_body", False)
        except TimeoutError:
            detail = f"the body did not arrive within {self._body_timeout:g} seconds"
            raise Problem(408, "request_timeout", detail) from None
        return bytes(body)


def _check_head(scope: Scope, headers: Headers) -> None:
    """What can be refused before the body is read, and before a client is told to send it."""
    path, query = scope.get("raw_path") or b"", scope["query_string"]
    if len(path) + len(query) > MAX_URI:
        raise Problem(414, "uri_too_long", f"path and query may have {MAX_URI} bytes")
    if "\0" in scope["path"] or b"%00" in query:
        raise Problem(400, "invalid_uri", "path and query must not hold %00")
    if len(headers) > MAX_HEADERS:
        raise Problem(431, "headers_too_large", f"a request may have {MAX_HEADERS} headers")
    if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADER_BYTES:
        detail = f"all headers together may have {MAX_HEADER_BYTES} bytes"
        raise Problem(431, "headers_too_large", detail)
    _check_accept(scope["path"], headers)
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY:
        raise _too_large()
    if scope["method"] != "GET" and (length != "0" or "transfer-encoding" in headers):
        _check_media_type(scope["path"], headers)


def _check_accept(path: str, headers: Headers) -> None:
    if not path.startswith(JSON_PATHS) or accepts(headers, JSON):
        return
    if not path.endswith(STREAM_PATH):
        detail = f"answers are {JSON}; let the header Accept allow that"
        raise Problem(406, "not_acceptable", detail)
    if not accepts(headers, EVENT_STREAM):
        detail = f"answers are {JSON} or {EVENT_STREAM}; let the header Accept allow one"
        raise Problem(406, "not_acceptable", detail)


def _check_media_type(path: str, headers: Headers) -> None:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if path.startswith(FORM_PATHS):
        if media_type != FORM:
            raise Problem(415, "unsupported_media_type", f"send a form: {FORM}")
    elif media_type != JSON and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        detail = "send JSON, and say so by the header Content-Type: application/json"
        raise Problem(415, "unsupported_media_type", detail, headers={"Accept": JSON})
    if headers.get("content-encoding", "identity").lower() != "identity":
        detail = "send the body as it is, without a Content-Encoding"
        told = {"Accept-Encoding": "identity"}
        raise Problem(415, "unsupported_media_type", detail, headers=told)


def _too_large() -> Problem:
    return Problem(413, "content_too_large", f"a body may have {MAX_BODY} bytes")


def _again(body: bytes, receive: Receive) -> Receive:
    """Hand on the body that was read, and then whatever comes after it."""
    message: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def receive_again() -> Message:
        nonlocal message
        if message is None:
            return await receive()
        first, message = message, None
        return first

    return receive_again


async def _answer(scope: Scope, problem: Problem, receive: Receive, send: Send) -> None:
    await answer(scope, problem)(scope, receive, send)


async def _cut_off(scope: Scope, problem: Problem, receive: Receive, send: Send) -> None:
    """Answer although the body has not arrived, and close the connection.

    A server that closes while bytes are still coming resets the connection, and the client may
    lose the answer. So a little more is taken off it and dropped before the end.
    """

    async def send_start(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        await send(message)

    closing = Problem(
        problem.status,
        problem.code,
        problem.detail,
        headers={**(problem.headers or {}), "Connection": "close"},
    )
    await answer(scope, closing)(scope, receive, send_start)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER.total_seconds()):
            await _drop(receive)
    await send(END)


async def _drop(receive: Receive) -> None:
    left = LINGER_BYTES
    more = True
    while more and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        more = message.get("more_body", False)
