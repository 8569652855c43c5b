"""A way to a server that can be cut or silenced, and that tells how often it was tried."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def accepting(accept: Accept, port: int = 0) -> AsyncIterator[int]:
    """The port (0: a free one) at which connections are accepted; all end with the block."""
    connections: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(accept(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@dataclass
class FaultyWay:
    """A relay on a port of its own. While it is cut, whoever asks is hung up on."""

    target: int
    port: int = 0
    tried: list[float] = field(default_factory=list)  # when; of time.monotonic
    accepted: int = 0  # connections
    _cut: bool = False
    _speaks: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Break all connections, and let no request through from now on."""
        self._cut = True
        for writer in self._open:
            writer.transport.abort()

    def silence(self) -> None:
        """Accept connections, and keep them, but let nothing through from now on."""
        self._speaks.clear()

    def mend(self) -> None:
        """Let requests through again."""
        self._cut = False
        self._speaks.set()

    def tried_since(self, moment: float) -> int:
        """How many requests were hung up on since then."""
        return sum(item >= moment for item in self.tried)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from a client."""
        self._open.add(writer)
        self.accepted += 1
        try:
            if self._cut:
                if await reader.read(1):
                    self.tried.append(time.monotonic())
                writer.transport.abort()
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._open.add(back)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
            self._open.discard(back)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._speaks.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass  # cut, or hung up on: the other side hears of it next
        finally:
            writer.close()


@asynccontextmanager
async def faulty_way(target: int) -> AsyncIterator[FaultyWay]:
    """A way to this port of this machine."""
    way = FaultyWay(target)
    way.mend()
    async with accepting(way.accept) as way.port:
        yield way
