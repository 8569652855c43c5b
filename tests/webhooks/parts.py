"""What these tests are made of: events of orders, and a receiver that misbehaves as it is told."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from standardwebhooks import Webhook as Verifier

from contracts.events.cloudevents import CloudEvent, schema_uri
from contracts.events.integration_events import EventType
from tests.support.ports import free_port

OK = "200 OK"
HANG = "hang"
RESET = "reset"
ENDLESS = "endless"  # a body that never ends


def event_of(customer_id: str, kind: EventType = EventType.ORDER_CONFIRMED) -> CloudEvent:
    """An event of an order of this customer."""
    order_id = f"ord_{uuid4().hex}"
    return CloudEvent(
        id=str(uuid4()),
        source="/services/order",
        type=kind,
        subject=order_id,
        time=datetime.now(UTC),
        dataschema=schema_uri(kind),
        data={"order_id": order_id, "customer_id": customer_id, "version": 3},
    )


@dataclass(frozen=True)
class Request:
    """What arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """The message, if the official package finds that it is signed with this secret."""
        return Verifier(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """Answers by its script, and when that is over, by 200. It may not be up yet."""

    script: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    accepted: list[Request] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hooks"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Be up from now on."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            self.requests.append(request)
            await self._answer(request, self.script.pop(0) if self.script else OK, reader, writer)
        except OSError:
            pass  # who sent it has hung up
        finally:
            writer.close()

    async def _answer(
        self,
        request: Request,
        what: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if what == HANG:
            await reader.read()  # until the other side gives up
            return
        if what == RESET:
            writer.transport.abort()
            return
        if what in {OK, ENDLESS}:
            self.accepted.append(request)
        length = "" if what == ENDLESS else "Content-Length: 0\r\n"
        elsewhere = f"Location: http://127.0.0.1:{self.port}/elsewhere\r\n"
        status = OK if what == ENDLESS else what
        head = f"HTTP/1.1 {status}\r\n{length}{elsewhere if what.startswith('3') else ''}\r\n"
        writer.write(head.encode())
        await writer.drain()
        while what == ENDLESS:
            writer.write(b"x" * 65536)
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(head[0].split()[1], headers, body)


@asynccontextmanager
async def receiving(script: Sequence[str] = (), *, up: bool = True) -> AsyncIterator[Receiver]:
    """A receiver for the length of a block."""
    receiver = Receiver(list(script))
    if up:
        await receiver.start()
    try:
        yield receiver
    finally:
        if receiver.server is not None:
            receiver.server.close()


def message(request: Request) -> Any:
    """The body, decoded."""
    return json.loads(request.body)
