"""How the app is served: the HTTP server's settings, for `python -m api` and for tests."""

from typing import Any

# Arguments of uvicorn.Config. Durations in seconds, sizes in bytes.
SERVING: dict[str, Any] = {
    "timeout_graceful_shutdown": 10,
    "server_header": False,
}
