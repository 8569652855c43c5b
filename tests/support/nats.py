"""A NATS server with JetStream, as a process of its own."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import running
from local_stack.supervision.readiness import answers
from tests.support.ports import free_ports

SERVER = Path(sys.executable).parent / "nats-server"


@asynccontextmanager
async def running_nats(directory: Path) -> AsyncIterator[str]:
    """Start it, its files in a folder; its URL."""
    port, monitor = free_ports(2)
    place = ("-a", "127.0.0.1", "-p", str(port), "-m", str(monitor), "-sd", str(directory / "js"))
    child = Child(
        name="nats",
        argv=(str(SERVER), "-js", *place),
        env={},
        ready=answers("127.0.0.1", monitor, "/healthz"),
    )
    async with running(child, directory / "nats.log"):
        yield f"nats://127.0.0.1:{port}"
