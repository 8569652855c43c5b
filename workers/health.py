"""A worker's health endpoint: `/health/live` and `/health/ready`."""

import contextlib
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI, Response


class _Server(uvicorn.Server):
    """Leaves signals to the worker, which has more to stop than this server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def health_server(port: int, ready: Callable[[], bool]) -> uvicorn.Server:
    """A server on loopback; ready answers 200 once `ready()` says so, else 503."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready")
    async def is_ready(response: Response) -> dict[str, str]:
        response.status_code = 200 if ready() else 503
        return {"status": "ready" if ready() else "starting"}

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    return _Server(config)
