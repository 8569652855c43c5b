"""What FastAPI tells of requests: a span and a duration each, but not of those that machines make
every few seconds.
"""

from collections.abc import MutableMapping
from typing import Any

from fastapi.telemetry import TelemetryConfig

UNTOLD = ("/health/", "/metrics")


def _untold(scope: MutableMapping[str, Any]) -> bool:
    return str(scope.get("path", "")).startswith(UNTOLD)


def telemetry() -> TelemetryConfig:
    """FastAPI's own settings. Its inner spans and its logs would say nothing that ours do not."""
    return {"operation_spans": False, "logs": False, "auto_configure": False, "exclude": _untold}
