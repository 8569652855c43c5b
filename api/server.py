"""How the app is served: the HTTP server's settings, for `saga-api` and for tests."""

import resource
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from api.http.h11_protocol import TimeLimitedH11Protocol
from api.http.limits import MAX_HEAD
from infrastructure.http.graceful_shutdown import DrainingServer

# Arguments of uvicorn.Config. Durations in seconds, sizes in bytes.
SERVING: dict[str, Any] = {
    "http": TimeLimitedH11Protocol,
    "ws": "none",
    "h11_max_incomplete_event_size": MAX_HEAD,
    "timeout_graceful_shutdown": 10,
    "server_header": False,
}

FILES = 4096  # more than the streams that one process keeps open, and all else


def allow_many_connections() -> None:
    """Raise this process's limit of open files, which is 1024 on many systems, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serve(app: FastAPI, host: str, port: int, drain: float) -> None:
    """Serve until told to stop (SIGTERM, SIGINT), then drain. SystemExit if it cannot start."""
    config = uvicorn.Config(app, host=host, port=port, log_config=None, **SERVING)
    server = DrainingServer(config, drain)
    server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
