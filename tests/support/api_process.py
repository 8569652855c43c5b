"""The API as one process of its own, before the parts of a test's world."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from local_stack.programs import program
from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import Runner, running
from local_stack.supervision.readiness import answers
from tests.support.ports import quiet_block
from tests.support.tokens import AUDIENCE, ISSUER, bearer
from tests.support.world import PROVIDER_KEY, World


@dataclass
class ApiProcess:
    """One `saga-api`; started again on the same port when it dies."""

    port: int
    runner: Runner

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self.runner.identity is not None
        return self.runner.identity.pid

    @property
    def memory(self) -> int:
        """Bytes that it has in memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self.pid, signal.SIGKILL)

    def client(self) -> httpx2.AsyncClient:
        """An operator's client."""
        url = f"http://127.0.0.1:{self.port}"
        return httpx2.AsyncClient(base_url=url, headers=bearer(), timeout=15)


@asynccontextmanager
async def running_api_process(world: World, folder: Path) -> AsyncIterator[ApiProcess]:
    """It answers when this begins, and is gone when it ends."""
    keys = folder / "jwks.json"
    keys.write_text(ISSUER.key.jwks)
    port = quiet_block(1)
    environment = {
        **{name.upper(): str(url) for name, url in world.databases},
        "TEMPORAL_ADDRESS": world.address,
        "PAYMENT_PROVIDER_URL": world.provider.url,
        "PAYMENT_PROVIDER_KEY": PROVIDER_KEY,
        "API_AUTH_ISSUER": ISSUER.name,
        "API_AUTH_AUDIENCE": AUDIENCE,
        "API_AUTH_JWKS": str(keys),
        "PYTHONPATH": ":".join(sys.path),
    }
    argv = program("saga-api", "--port", str(port))
    child = Child("api", argv, environment, answers("127.0.0.1", port, "/health/ready"))
    async with running(child, folder / "api.log") as runner:
        yield ApiProcess(port, runner)
