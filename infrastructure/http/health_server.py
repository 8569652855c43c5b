"""A worker's health endpoint: `/health/live` and `/health/ready`."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from fastapi import FastAPI, Response

from infrastructure.http.health_endpoints import LIVE, METRICS, READY, live, metrics
from infrastructure.telemetry.web import telemetry


class _Server(uvicorn.Server):
    """Leaves signals to the worker, which has more to stop than this server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving_health(
    port: int, ready: Callable[[], bool], host: str = "127.0.0.1"
) -> AsyncIterator[None]:
    """Serve meanwhile; ready answers 200 while `ready()` says so, else 503.

    OSError if the port is taken: found out here, since uvicorn would exit from within its task.
    """
    listening = socket.create_server((host, port))
    config = uvicorn.Config(_make_app(ready), log_level="warning", lifespan="off")
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _make_app(ready: Callable[[], bool]) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=telemetry())

    app.get(LIVE)(live)
    app.get(METRICS)(metrics)

    @app.get(READY)
    async def is_ready(response: Response) -> dict[str, str]:
        response.status_code = 200 if ready() else 503
        return {"status": "ready" if ready() else "starting"}

    return app
