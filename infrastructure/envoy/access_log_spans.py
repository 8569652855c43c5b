"""The gateway's spans, out of its access log: what Envoy would send to a collector is in there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infrastructure.telemetry.span_files import KeptSpan

SERVICE = "gateway"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def of_log(path: Path) -> Iterator[KeptSpan]:
    """A span for each traced request; nothing if there is no log."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # Envoy is just writing it
            if entry.get("trace_id") and entry.get("span_id"):
                yield _span(entry)


def _span(entry: dict[str, Any]) -> KeptSpan:
    since = datetime.fromisoformat(entry["time"]) - EPOCH
    start = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
    caller = str(entry.get("parent") or "").split("-")
    return KeptSpan(
        trace_id=entry["trace_id"],
        span_id=entry["span_id"],
        parent_id=caller[2] if len(caller) == 4 else None,
        name=f"{entry['method']} {entry['path']}",
        service=SERVICE,
        kind="server",
        start=start,
        end=start + int(entry["milliseconds"]) * 10**6,
        failed=int(entry["status"]) >= 500,
        attributes={"http.response.status_code": int(entry["status"])},
    )
