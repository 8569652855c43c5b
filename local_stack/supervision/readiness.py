"""How to know that a server answers. Every check is one quick attempt that never raises."""

import asyncio
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException

from local_stack.supervision.child import Check

POLL = 0.05
ATTEMPT = 2.0


async def wait(check: Check) -> None:
    """Until the check says yes; the caller sets the bound."""
    while not await check():  # noqa: ASYNC110 - another process has no event to await
        await asyncio.sleep(POLL)


def accepts(host: str, port: int) -> Check:
    """Whether something accepts connections there."""

    async def check() -> bool:
        try:
            async with asyncio.timeout(ATTEMPT):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    return check


def answers(host: str, port: int, path: str) -> Check:
    """Whether GET of the path answers 200. Takes no notice of the user's proxies."""

    def get() -> bool:
        connection = HTTPConnection(host, port, timeout=ATTEMPT)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    async def check() -> bool:
        return await asyncio.to_thread(get)

    return check


def wait_blocking(check: Callable[[], bool], within: float) -> bool:
    """Until the check says yes; whether it did in time."""
    deadline = time.monotonic() + within
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
