"""Several APIs behind the gateway: who is not there, or not ready, is not missed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.gateway.edge import AMPLE, edge
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.wire import request

OFTEN = 20


@dataclass
class Instance:
    """One that answers all requests, and says that it is ready or not."""

    ready: bool = True
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                path = head.split()[1]
                self.asked[path] += 1
                status = "200 OK" if self.ready or "health" not in path else "503 Unavailable"
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def instance() -> AsyncIterator[Instance]:
    made = Instance()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def test_a_request_that_cannot_be_sent_goes_to_another(tmp_path: Path) -> None:
    """Be it a POST: nobody has seen it. Every other one begins where nobody listens."""
    async with (
        instance() as there,
        edge(tmp_path, AMPLE, api=there.port, more=[free_port()]) as gateway,
    ):
        answers = [await gateway.ask(request("POST", "/v1/orders")) for _ in range(OFTEN)]
        assert Counter(answer.status for answer in answers) == {200: OFTEN}
        assert there.asked["/v1/orders"] == OFTEN


async def test_an_instance_that_is_not_ready_is_left_alone(tmp_path: Path) -> None:
    """As one that drains; and it is asked again when it is ready again."""
    async with (
        instance() as one,
        instance() as other,
        edge(tmp_path, AMPLE, api=one.port, more=[other.port], watched=True) as gateway,
    ):

        async def both_are_asked() -> bool:
            await gateway.ask(request("POST", "/v1/orders"))
            return min(one.asked["/v1/orders"], other.asked["/v1/orders"]) > 0

        await until(both_are_asked)
        other.ready = False

        async def left_alone() -> bool:
            before = other.asked["/v1/orders"]
            for _ in range(OFTEN):
                assert (await gateway.ask(request("POST", "/v1/orders"))).status == 200
            return other.asked["/v1/orders"] == before

        await until(left_alone)
        other.ready = True
        one.asked.clear()
        other.asked.clear()
        await until(both_are_asked)
