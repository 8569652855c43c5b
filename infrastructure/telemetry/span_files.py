"""Spans kept on this machine: files of JSON lines, one file a process, for `saga trace`.

A file that has grown to MAX_BYTES becomes its own predecessor, so that a process keeps at most
twice as much. Whoever reads them takes a line that is not whole for the end.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id
from pydantic import BaseModel, ValidationError

MAX_BYTES = 32 * 1024 * 1024
SUFFIX = ".jsonl"


# What ends a call without a failure: it was called off, or somebody had begun the same.
NO_FAILURES = ("CancelledError", "WorkflowAlreadyStartedError")
Attributes = Mapping[str, str | int | float | bool | Sequence[str]]


class KeptLog(BaseModel, frozen=True):
    """What was said during a span, such as an exception; nanoseconds since 1970."""

    name: str
    at: int
    attributes: Attributes = {}


class KeptSpan(BaseModel, frozen=True):
    """One span. Times in nanoseconds since 1970; ids in hexadecimal. `error`: what it failed of."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str
    service: str
    kind: str
    start: int
    end: int
    failed: bool = False
    error: str | None = None
    attributes: Attributes = {}
    logs: Sequence[KeptLog] = ()


class FileExporter(SpanExporter):
    """Writes spans down in `folder`, under the name of the service."""

    def __init__(self, folder: Path, service: str, *, max_bytes: int = MAX_BYTES) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{service}{SUFFIX}"
        self._service = service
        self._max_bytes = max_bytes

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them down; a full disk costs the spans, and nothing else."""
        lines = "".join(
            f"{_to_kept_span(span, self._service).model_dump_json(exclude_defaults=True)}\n"
            for span in spans
        )
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(lines)
                full = file.tell() > self._max_bytes
            if full:
                self._path.replace(self._path.with_suffix(".old" + SUFFIX))
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def read(folder: Path) -> Iterator[KeptSpan]:
    """All spans that are kept there, in no order."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    yield KeptSpan.model_validate_json(line)
                except ValidationError:
                    continue  # the end of a file whose process was killed


def of_workflows(spans: Sequence[KeptSpan], workflow_ids: set[str]) -> set[str]:
    """The traces that started one of these workflows."""
    return {
        span.trace_id
        for span in spans
        if span.attributes.get("temporalWorkflowID") in workflow_ids
        and span.name.startswith("StartWorkflow:")
    }


def _to_kept_span(span: ReadableSpan, service: str) -> KeptSpan:
    context = span.get_span_context()
    assert context is not None  # noqa: S101 - a span that ended has one
    return KeptSpan(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=format_span_id(span.parent.span_id) if span.parent else None,
        name=span.name,
        service=service,
        kind=span.kind.name.lower(),
        start=span.start_time or 0,
        end=span.end_time or 0,
        failed=_has_failed(span),
        error=_find_error(span) if _has_failed(span) else None,
        attributes=_attributes(span.attributes),
        logs=[
            KeptLog(name=event.name, at=event.timestamp, attributes=_attributes(event.attributes))
            for event in span.events
        ],
    )


def _attributes(given: Mapping[str, Any] | None) -> Attributes:
    found: Attributes = json.loads(json.dumps(dict(given or {})))
    return found


def _has_failed(span: ReadableSpan) -> bool:
    failed = span.status.status_code is StatusCode.ERROR
    return failed and not (span.status.description or "").startswith(NO_FAILURES)


def _find_error(span: ReadableSpan) -> str | None:
    """Its status' words, or those of its last exception; where neither is told, None."""
    said = [str((event.attributes or {}).get("exception.message", "")) for event in span.events]
    return span.status.description or next((words for words in reversed(said) if words), None)
