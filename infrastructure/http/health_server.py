"""A worker's health endpoint: `/health/live` and `/health/ready`.

By Starlette alone: FastAPI takes a sixth of a worker's start, and tells of none of these requests.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infrastructure.http.health_endpoints import LIVE, METRICS, READY, live, metrics


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


def _make_app(ready: Callable[[], bool]) -> Starlette:
    async def is_live(_: Request) -> Response:
        return JSONResponse(await live())

    async def is_ready(_: Request) -> Response:
        status = {"status": "ready" if ready() else "starting"}
        return JSONResponse(status, status_code=200 if ready() else 503)

    async def tell_metrics(_: Request) -> Response:
        return await metrics()

    return Starlette(
        routes=[Route(LIVE, is_live), Route(READY, is_ready), Route(METRICS, tell_metrics)]
    )
