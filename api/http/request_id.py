"""Gives every request an id: the caller's `X-Request-Id` if it is sane, else a new one.

Every answer also has the `traceparent` of its trace: our span's, or where nothing is traced here,
the caller's own.

Pure ASGI: `BaseHTTPMiddleware` would cancel the endpoint when the client hangs up.
"""

import re
from uuid import uuid4

from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
SANE = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


class RequestIdMiddleware:
    """Middleware: puts `request_id` into the scope and the answer's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if SANE.match(given) else uuid4().hex
        scope["request_id"] = request_id
        traceparent = _find_traceparent(headers.get("traceparent", ""))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                told["X-Request-Id"] = request_id
                if traceparent is not None:
                    told["traceparent"] = traceparent
            await send(message)

        await self._app(scope, receive, send_with_id)


def _find_traceparent(given: str) -> str | None:
    """The header as W3C has it; None if there is no trace."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return given if TRACEPARENT.fullmatch(given) else None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
