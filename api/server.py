"""How the app is served: the HTTP server's settings, for `python -m api` and for tests."""

from typing import Any

from api.limits import MAX_HEAD
from api.wire import Wire

# Arguments of uvicorn.Config. Durations in seconds, sizes in bytes.
SERVING: dict[str, Any] = {
    "http": Wire,
    "ws": "none",
    "h11_max_incomplete_event_size": MAX_HEAD,
    "timeout_graceful_shutdown": 10,
    "server_header": False,
}
