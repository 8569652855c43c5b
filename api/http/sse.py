"""An answer in Server-Sent Events: text without end, while it is wanted and while it may be read.

It ends in order when the caller's token does and when the server stops, so that the client comes
back with the id of the last event that it saw. A client that does not read is cut off by the server
(`TimeLimitedH11Protocol.write_timeout`).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse
from starlette.types import Message, Receive, Scope, Send

from api.http.h11_protocol import LEAVING
from saga.participant import ServiceError

HEARTBEAT = timedelta(seconds=15)  # shorter than proxies wait for a sign of life
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # no proxy keeps some back
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class EventStream(EventSourceResponse):
    """Sends what the source yields, until the time `until` (seconds since 1970) at the latest.

    While that has nothing to say, a `sign` of life is sent at every `heartbeat`.
    """

    def __init__(
        self,
        source: AsyncIterator[bytes],
        *,
        until: float,
        heartbeat: timedelta = HEARTBEAT,
        sign: bytes = KEEPALIVE_COMMENT,
    ) -> None:
        super().__init__(source, headers=HEADERS)
        self._source = source
        self._until = until
        self._heartbeat = heartbeat.total_seconds()
        self._sign = sign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        leaving = scope.get("state", {}).get(LEAVING) or asyncio.Event()
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.create_task(_wait_for_disconnect(receive))
        tasks: set[asyncio.Task[Any]] = {
            gone,
            asyncio.create_task(leaving.wait()),
            asyncio.create_task(self._write(send)),
        }
        try:
            seconds = self._until - time.time()
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left = gone.done()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        _raise_bugs(results)
        if not left:
            await send(END)

    async def _write(self, send: Send) -> None:
        """Everything from the source, and a sign whenever that has nothing to say for long."""
        source = aiter(self._source)
        upcoming: asyncio.Task[bytes] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.create_task(_next(source))
                done, _ = await asyncio.wait({upcoming}, timeout=self._heartbeat)
                piece = upcoming.result() if done else self._sign
                upcoming = None if done else upcoming
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            if upcoming is not None:
                upcoming.cancel()
                await asyncio.gather(upcoming, return_exceptions=True)


async def _next(source: AsyncIterator[bytes]) -> bytes:
    return await anext(source)


async def _wait_for_disconnect(receive: Receive) -> None:
    """The body has been read before, so what is received next is the client's end."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _raise_bugs(results: list[Any]) -> None:
    """A source that fails for want of a service ends the stream: the client comes back by itself.

    Whatever else it raises is for the log.
    """
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, ServiceError):
            raise result
