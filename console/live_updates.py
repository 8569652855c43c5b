"""Keeps a page up to date: its parts are made anew now and then, and what has changed is sent.

    event: parts
    data: {"figures": "<div …>", "orders": {"keys": ["ord_2"], "changed": {"ord_2": "<tr …>"}}}

A part is HTML for the element with that id. A list is one whose children have keys: the page keeps
the children that stay, so that focus stays too, and a long list costs only what is new in it.
What is sent is how things are, not what happened: a page that comes back needs nothing of before.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.sse import format_sse_event

from api.dependencies import Backend, backend
from api.http.problem_details import Problem, overload_problem
from api.http.request_limits import EVENT_STREAM
from api.http.sse import EventStream

RETRY = 1000  # milliseconds after which a page comes back
BEAT = timedelta(seconds=5)  # the page says so if it hears nothing for 20 s, see live.js
SIGN = format_sse_event(event="beat", data_str="1")  # one without data is no event
SHORTEST = 0.5  # seconds between two looks, however much happens
Deps = Annotated[Backend, Depends(backend)]
Parts = Mapping[str, "str | Mapping[str, str]"]
Wait = Callable[[], Awaitable[None]]


def acquire_stream(request: Request, deps: Deps) -> Iterator[None]:
    """The dependency of streams: one of the places that there are, for as long as it lasts.

    Problem 406 for who does not ask for a stream, and would wait for the end of it.
    """
    if EVENT_STREAM not in request.headers.get("accept", ""):
        raise Problem(406, "not_acceptable", f"this is a stream: ask for {EVENT_STREAM}")
    with deps.streams.try_acquire() as acquired:
        if not acquired:
            raise overload_problem("too many streams are open; come back later")
        yield


def answer_live(frames: AsyncIterator[bytes], *, until: float) -> EventStream:
    """A page's stream. It has a sign of life that the page sees, as it does not see comments."""
    return EventStream(frames, until=until, heartbeat=BEAT, sign=SIGN)


async def stream_updates(make: Callable[[], Awaitable[Parts]], wait: Wait) -> AsyncIterator[bytes]:
    """The frames of a stream. `make` makes all parts, `wait` returns when it is time to look."""
    sent: dict[str, Any] = {}
    yield format_sse_event(retry=RETRY, comment="hello")
    while True:
        parts = await make()
        if news := {name: new for name, part in parts.items() if (new := _news(sent, name, part))}:
            yield format_sse_event(event="parts", data_str=json.dumps(news))
        sent = dict(parts)
        await wait()


def _news(sent: Mapping[str, Any], name: str, part: str | Mapping[str, str]) -> Any:
    before = sent.get(name)
    if part == before and (before is None or not isinstance(part, Mapping) or [*part] == [*before]):
        return None
    if isinstance(part, str):
        return part
    known = before or {}
    changed = {key: html for key, html in part.items() if known.get(key) != html}
    return {"keys": list(part), "changed": changed}


def every(seconds: float) -> Wait:
    """Look so often."""

    async def wait() -> None:
        await asyncio.sleep(seconds)

    return wait


@asynccontextmanager
async def wake_on_events(
    source: AsyncIterator[Any], at_least: Callable[[], float]
) -> AsyncIterator[Wait]:
    """Look when the source yields, but not too often, and after so many seconds at the latest.

    Whatever ends the source, such as Unavailable, is raised by the next wait.
    """
    woken = asyncio.Event()

    async def listen() -> None:
        async for _ in source:
            woken.set()

    async def wait() -> None:
        await asyncio.sleep(SHORTEST)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, at_least() - SHORTEST)):
                await woken.wait()
        woken.clear()
        if listening.done():
            listening.result()

    listening = asyncio.create_task(listen())
    try:
        yield wait
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
