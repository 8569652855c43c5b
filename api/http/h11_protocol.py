"""HTTP/1.1 as uvicorn speaks it, with what it lacks: a bound on the time that a request's head may
take, one on the time that a client may leave an answer lying, problem documents for requests that
never reach the app, and a word to answers without end that the server is about to stop.
"""

import asyncio
import json
import sys
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.limits import HEAD_TIMEOUT, MAX_HEAD, WRITE_TIMEOUT
from api.http.problem_details import MEDIA_TYPE, Problem, document

MALFORMED = Problem(400, "malformed_request", "this is not HTTP/1.1 as RFC 9112 has it")
HEADERS = Problem(431, "headers_too_large", f"request line and headers may have {MAX_HEAD} bytes")
URI = Problem(414, "uri_too_long", f"request line and headers may have {MAX_HEAD} bytes")
CODING = Problem(501, "not_implemented", "Transfer-Encoding: chunked is understood, no other")
SLOW = Problem(408, "request_timeout", "the request's headers did not arrive in time")
LEAVING = "leaving"  # the name of an asyncio.Event in the app's state
ANSWERABLE = (h11.IDLE, h11.SEND_RESPONSE)


class TimeLimitedH11Protocol(H11Protocol):
    """One connection."""

    head_timeout = HEAD_TIMEOUT
    write_timeout = WRITE_TIMEOUT
    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """The time for the first head begins."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """The time for a later head begins with its first byte; before that, it is keep-alive."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._unwatch()
        self._unstall()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client leaves the answer lying: it has so long to take some of it."""
        super().pause_writing()
        self._unstall()
        seconds = self.write_timeout.total_seconds()
        self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken enough."""
        self._unstall()
        super().resume_writing()

    def shutdown(self) -> None:
        """The server stops: who waits for LEAVING hears of it, and can end an answer in order."""
        if (leaving := self.app_state.get(LEAVING)) is not None:
            leaving.set()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what h11 refused; it is called while that error is being handled."""
        error = sys.exc_info()[1]
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if hint == HEADERS.status:
            received, _ = self.conn.trailing_data
            self._refuse(HEADERS if b"\n" in received else URI)
        else:
            self._refuse(CODING if hint == CODING.status else MALFORMED)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_timeout.total_seconds(), self._too_slow)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _unstall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _too_slow(self) -> None:
        received, _ = self.conn.trailing_data
        if received and not self.transport.is_closing():
            self._refuse(SLOW)
        self.transport.close()  # of one that said nothing, without a word

    def _refuse(self, problem: Problem) -> None:
        if self.conn.our_state in ANSWERABLE:
            request_id = uuid4().hex
            body = json.dumps(document(problem, request_id)).encode()
            headers = [
                ("Content-Type", MEDIA_TYPE),
                ("Content-Length", str(len(body))),
                ("X-Request-Id", request_id),
                ("Connection", "close"),
            ]
            phrase = HTTPStatus(problem.status).phrase
            answer = h11.Response(status_code=problem.status, headers=headers, reason=phrase)
            events: list[Any] = [answer, h11.Data(data=body), h11.EndOfMessage()]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
