"""Stubs of a service's instances, and a real Envoy with our configuration before them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from infrastructure.envoy.builders import Address
from infrastructure.envoy.endpoints import EndpointFiles
from infrastructure.envoy.mesh import Balancing, ServiceMesh
from infrastructure.registry.registry import Instance
from local_stack import envoy
from local_stack.state_dir import StateDir
from local_stack.supervision.child import Child, Job
from local_stack.supervision.child_runner import running
from tests.support.faulty import accepting
from tests.support.ports import free_port, free_ports
from tests.support.tokens import AUDIENCE, ISSUER
from tests.support.waiting import until

SERVICE = "payment"
OK = "HTTP/1.1 200 OK"
DOWN = "HTTP/1.1 503 Service Unavailable"


@dataclass
class Stub:
    """One instance: counts what it is asked; may be slow, ill, or hang."""

    name: str
    port: int = field(default_factory=free_port)
    calls: int = 0
    answer: str = OK
    well: bool = True
    takes: float = 0.0
    hangs: bool = False
    held: Callable[[], Awaitable[None]] | None = None

    @property
    def instance(self) -> Instance:
        """As the registry has it."""
        return Instance(SERVICE, self.name, "127.0.0.1", self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self.hangs:
                    await reader.read()  # until the other side has had enough
                    return
                writer.write(await self._said(head))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it hung up
        finally:
            writer.close()

    async def _said(self, head: bytes) -> bytes:
        if head.startswith(b"GET /health/ready"):
            line = OK if self.well else DOWN
        else:
            self.calls += 1
            line = self.answer
            await asyncio.sleep(self.takes)
            if self.held is not None:
                await self.held()
        return f"{line}\r\ncontent-length: {len(self.name)}\r\n\r\n{self.name}".encode()


@dataclass
class Mesh:
    """Envoy before the stubs. `http` calls the service, whichever instance answers."""

    files: EndpointFiles
    http: httpx2.AsyncClient
    admin: httpx2.AsyncClient

    def publish(self, stubs: Sequence[Stub]) -> None:
        """These are the instances from now on."""
        self.files.publish({SERVICE: [stub.instance for stub in stubs]})

    async def call(self) -> tuple[int, str]:
        """One call: the status, and who answered."""
        answer = await self.http.post("/v1/payment/charge", content=b"")
        return answer.status_code, answer.text

    async def healthy(self) -> int:
        """How many instances Envoy would send a call to."""
        said = (await self.admin.get("/clusters")).text.splitlines()
        return sum(
            record.startswith(f"{SERVICE}::") and record.endswith("health_flags::healthy")
            for record in said
        )

    async def until_healthy(self, count: int, within: float = 10.0) -> None:
        """Until it is just so many."""

        async def so_many() -> bool:
            return await self.healthy() == count

        await until(so_many, within=within)


@asynccontextmanager
async def listening(stub: Stub) -> AsyncIterator[None]:
    """The stub at its port. Enter it before what connects to it, so that it outlives that."""
    async with accepting(stub.serve, stub.port):
        yield


@asynccontextmanager
async def mesh(
    folder: Path, stubs: Sequence[Stub], balancing: Balancing = Balancing.ROUND_ROBIN
) -> AsyncIterator[Mesh]:
    """Envoy before these stubs, all of which listen and are published."""
    layout = StateDir(folder / ".saga").create()
    layout.jwks.write_text(ISSUER.key.jwks)
    auth = {
        "API_AUTH_ISSUER": ISSUER.name,
        "API_AUTH_AUDIENCE": AUDIENCE,
        "API_AUTH_JWKS": str(layout.jwks),
    }
    edge, api, metrics, place = free_ports(4)
    files = EndpointFiles(layout.endpoints)
    ours = ServiceMesh({SERVICE: Address("127.0.0.1", place)}, files, {SERVICE: balancing})
    configured = envoy.configure_gateway(layout, (edge, api, metrics), auth, ours)
    job, child = envoy.lane(configured, layout, {"PATH": os.environ["PATH"]})
    assert isinstance(job, Job)
    assert isinstance(child, Child)
    await job.run()
    async with AsyncExitStack() as stack:
        for stub in stubs:
            await stack.enter_async_context(listening(stub))
        await stack.enter_async_context(running(child, layout.log("gateway")))
        socket = httpx2.AsyncHTTPTransport(uds=str(layout.path / envoy.SOCKET))
        http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{place}", timeout=20, trust_env=False)
        admin = httpx2.AsyncClient(base_url="http://admin", transport=socket)
        found = Mesh(
            files, await stack.enter_async_context(http), await stack.enter_async_context(admin)
        )
        found.publish(stubs)
        await found.until_healthy(len(stubs))
        yield found
