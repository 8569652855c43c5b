"""A real Envoy with our configuration, in front of a stub that tells what reached it."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from infrastructure.envoy.builders import Address
from local_stack import envoy
from local_stack.state_dir import StateDir
from local_stack.supervision.child import Child, Job
from local_stack.supervision.child_runner import running
from tests.support.ports import free_ports
from tests.support.tokens import AUDIENCE, ISSUER
from tests.support.wire import Served

TRACED = {"SAGA_SPANS": "/of/no/matter"}
AMPLE = {"GATEWAY_RATE_BURST": "100000", "GATEWAY_RATE_PER_SECOND": "100000"}


@dataclass(frozen=True)
class Received:
    """A request as it came in at the upstream, byte for byte; header names in lower case."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for header, value in self.headers if header == name]


@dataclass
class Upstream:
    """Stands for the API. It answers 200, or what a test has put into `replies` first.

    A reply of None hangs up without a word.
    """

    received: list[Received] = field(default_factory=list)
    replies: list[bytes | None] = field(default_factory=list)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _last: asyncio.StreamWriter | None = None

    def say(self, data: bytes) -> None:
        """Write on the connection that spoke last."""
        assert self._last is not None
        self._last.write(data)

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self._open:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.split(":", 1) for line in head[1:] if line]
        headers = [(name.lower(), value.strip()) for name, value in pairs]
        body = await _body(dict(headers), reader)
        self.received.append(Received(head[0], headers, body))
        self._last = writer
        reply = self.replies.pop(0) if self.replies else OK
        if reply is None:
            return False
        writer.write(reply)
        await writer.drain()
        return True


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: secret/1.0\r\n\r\n{}"


async def _body(headers: dict[str, str], reader: asyncio.StreamReader) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while length := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(length + 2))[:-2]
    await reader.readexactly(2)
    return body


@dataclass
class Edge(Served):
    """The gateway at a port of this machine, and what is behind it."""

    upstream: Upstream
    metrics: Served
    layout: StateDir


@asynccontextmanager
async def edge(
    folder: Path,
    environ: dict[str, str],
    api: int | None = None,
    *,
    more: Sequence[int] = (),
    watched: bool = False,
) -> AsyncIterator[Edge]:
    """A gateway with these settings, before the stub or before an API at that port; and `more`."""
    layout = StateDir(folder / ".saga").create()
    layout.jwks.write_text(ISSUER.key.jwks)
    auth = {
        "API_AUTH_ISSUER": ISSUER.name,
        "API_AUTH_AUDIENCE": AUDIENCE,
        "API_AUTH_JWKS": str(layout.jwks),
    }
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    listen, metrics = free_ports(2)
    behind = api or server.sockets[0].getsockname()[1]
    ours = envoy.configure_gateway(layout, (listen, behind, metrics), auth | TRACED | environ)
    others = tuple(Address("127.0.0.1", item) for item in more)
    ours = replace(ours, apis=(*ours.apis, *others), watched=watched)
    job, child = envoy.lane(ours, layout, {"PATH": os.environ["PATH"]})
    assert isinstance(job, Job)
    assert isinstance(child, Child)
    await job.run()
    async with server, running(child, layout.log("gateway")):
        yield Edge(listen, upstream, Served(metrics), layout)
        upstream.hang_up()
