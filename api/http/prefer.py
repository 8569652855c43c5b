"""The request header `Prefer` (RFC 7240), of which `wait` is understood, and waiting by it.

What is malformed or unknown is ignored, as the RFC asks: a preference is never an error.
"""

import asyncio
import re
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import Header, Request

from api.http.h11_protocol import LEAVING

LONGEST_WAIT = timedelta(seconds=30)  # who wants more asks again with the same key

# preference = token [ = word ] *( ; parameter ), and a list of these behind commas. A quoted word
# may hold commas of its own.
ONE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)


def wait_of(prefer: Sequence[str]) -> int | None:
    """Seconds that the caller will wait, by all its Prefer headers; None if it says nothing.

    The first `wait` counts, even if it is malformed. At most LONGEST_WAIT.
    """
    for header in prefer:
        for preference in ONE.findall(header):
            name = re.split("[=;]", preference, maxsplit=1)[0].strip().lower()
            if name == "wait":
                found = WAIT.fullmatch(preference)
                return min(int(found[1]), LONGEST_WAIT.seconds) if found else None
    return None


def preferred_wait(
    request: Request,
    prefer: Annotated[
        str | None,
        Header(alias="Prefer", description="`wait=N`: answer at the end, or in N s"),
    ] = None,
) -> int | None:
    """The dependency of a route that can wait. `prefer` is the header's place in the document."""
    return wait_of(request.headers.getlist("prefer")) if prefer else None


async def wait_for(end: Awaitable[None], request: Request, seconds: float) -> None:
    """Wait for the end of something, until the time is over, or the client or the server goes.

    Whatever `end` raises is left to whoever looks for himself next: it is only a signal.
    """
    ending = asyncio.ensure_future(end)
    gone = asyncio.create_task(_wait_for_disconnect(request))
    leaving = asyncio.create_task(_wait_for_shutdown(request))
    tasks = {ending, gone, leaving}
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait_for_disconnect(request: Request) -> None:
    """The body has been read before, so what is received next is the client's end."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _wait_for_shutdown(request: Request) -> None:
    """The server stops, and what it has begun is to end soon: the caller asks again elsewhere."""
    await (request.scope.get("state", {}).get(LEAVING) or asyncio.Event()).wait()
