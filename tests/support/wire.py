"""The API behind a real socket, and bytes to it: for what depends on framing and timing."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from api.server import SERVING
from tests.support.ports import free_port
from tests.support.tokens import bearer
from tests.support.waiting import until

BOUND = 30


@dataclass
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The body, which must be a whole problem document."""
        assert self.headers["content-type"] == "application/problem+json", self
        found: dict[str, Any] = json.loads(self.body)
        assert found.keys() >= {"type", "title", "status", "detail", "code", "request_id"}
        assert found["status"] == self.status
        assert found["request_id"] == self.headers["x-request-id"]
        return found


class Connection:
    """A client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write these bytes. OSError if the server has hung up."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> Answer:
        """Read one answer that has a Content-Length."""
        async with asyncio.timeout(BOUND):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(head[0].split()[1]), headers, body)

    async def is_closed(self) -> bool:
        """Wait until the server hangs up; False if it says something instead."""
        async with asyncio.timeout(BOUND):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass
class Served:
    """The API at a port of this machine."""

    port: int

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A new connection."""
        connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            yield connection
        finally:
            connection.close()

    async def ask(self, *pieces: bytes) -> Answer:
        """Send these bytes over a connection of their own; the answer."""
        async with self.connection() as connection:
            for piece in pieces:
                await connection.send(piece)
            return await connection.answer()


@dataclass
class Serving(Served):
    """The API in this process."""

    server: uvicorn.Server
    task: asyncio.Task[None]

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.server.server_state.connections)

    async def stop(self) -> None:
        """Stop as SIGTERM would; returns when it has."""
        self.server.should_exit = True
        await self.task


def request(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """A request's bytes, by an operator; Content-Length is added if there is a body."""
    fields = {"Host": "api", **bearer(), **(headers or {})}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name}: {field}" for name, field in fields.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def serve(app: ASGIApp, **settings: Any) -> AsyncIterator[Serving]:
    """Serve the app as `saga-api` does, but for these settings."""
    port = free_port()
    config = uvicorn.Config(app, port=port, **(SERVING | {"log_config": None} | settings))
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        assert not serving.done(), "it ended before it began"
        return server.started

    await until(has_started)
    try:
        yield Serving(port, server, serving)
    finally:
        server.should_exit = True
        await serving
