"""A client of Server-Sent Events on a bare socket: light enough to be a thousand."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.tokens import bearer

BOUND = 30


@dataclass
class Event:
    """One block of a stream; `type` is empty where it only sets the id."""

    id: str = ""
    type: str = ""
    data: Any = None


@dataclass
class Stream:
    """An answer in events, or another answer whose body is `refusal`."""

    reader: asyncio.StreamReader
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    refusal: Any = None
    comments: int = 0
    last_id: str = ""

    async def read_head(self) -> None:
        """Status and headers; of an answer that is no stream, the body."""
        async with asyncio.timeout(BOUND):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            self.status = int(lines[0].split()[1])
            pairs = (line.split(": ", 1) for line in lines[1:] if line)
            self.headers = {name.lower(): value for name, value in pairs}
            if self.headers.get("content-type", "").partition(";")[0] != "text/event-stream":
                body = await self.reader.readexactly(int(self.headers.get("content-length", 0)))
                self.refusal = json.loads(body)

    async def blocks(self) -> AsyncIterator[str]:
        """Blocks of text until the server ends the stream in order.

        IncompleteReadError if it breaks off. An answer's chunk holds whole blocks.
        """
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            chunk = (await self.reader.readexactly(size + 2))[:-2].decode()
            for block in chunk.split("\n\n")[:-1]:
                yield block

    async def events(self) -> AsyncIterator[Event]:
        """Events, without comments and those that only set the id, which is kept."""
        async for block in self.blocks():
            event = _parse(block)
            if event is None:
                self.comments += 1
                continue
            self.last_id = event.id or self.last_id
            if event.type:
                yield event

    async def take(self, count: int, *, within: float = BOUND) -> list[Event]:
        """The next so many events. TimeoutError."""
        found: list[Event] = []
        async with asyncio.timeout(within):
            async for event in self.events():
                found.append(event)
                if len(found) == count:
                    break
        return found

    async def rest(self, *, within: float = BOUND) -> list[Event]:
        """All events until the server ends the stream in order. TimeoutError."""
        async with asyncio.timeout(within):
            return [event async for event in self.events()]


def _parse(block: str) -> Event | None:
    """None if it holds comments only."""
    event, seen = Event(), False
    for line in block.split("\n"):
        name, _, value = line.partition(": ")
        seen = seen or bool(name)
        if name == "id":
            event.id = value
        elif name == "event":
            event.type = value
        elif name == "data":
            event.data = json.loads(value)
    return event if seen and not block.startswith(":") else None


@asynccontextmanager
async def stream(
    port: int,
    path: str,
    *,
    seen: str | None = None,
    headers: Mapping[str, str] | None = None,
    limit: int = 2**16,
) -> AsyncIterator[Stream]:
    """Ask for events on a connection of its own, as an operator unless headers say otherwise.

    `seen` is the Last-Event-ID, `limit` how many bytes are taken off the socket unread.
    """
    fields = {"Host": "api", "Accept": "text/event-stream", **(headers or bearer())}
    if seen is not None:
        fields["Last-Event-ID"] = seen
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {item}" for name, item in fields.items()), "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    try:
        writer.write("\r\n".join(lines).encode())
        found = Stream(reader)
        await found.read_head()
        yield found
    finally:
        writer.close()
