"""Keeps what errors say out of logs and traces, where payloads are encrypted.

A message may quote whatever its error met: a card, an address. Temporal has it encrypted. So logs
and spans say of an error what it is and where it was; the message is for those who have the keys.
"""

import copy
import logging
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from structlog.typing import EventDict, WrappedLogger

SAYING = frozenset({"exception.message", "exception.stacktrace"})


class DiscreetFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes the type of an error where its message would stand in a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        args = record.args
        if isinstance(args, tuple) and any(map(_is_error, args)):
            record = copy.copy(record)  # other handlers have the same one
            record.args = tuple(type(arg).__name__ if _is_error(arg) else arg for arg in args)
        return super().format(record)


def _is_error(value: object) -> bool:
    return isinstance(value, BaseException)


def types_and_places(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """A processor: an error becomes the types in its chain, each with where it was."""
    given = entry.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        entry["exception"] = [
            {"exc_type": type(failure).__name__, "frames": list(_list_frames(failure))}
            for failure in _walk_causes(error)
        ]
    return entry


def in_words(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """A processor, after that one: the same for people."""
    if errors := entry.get("exception"):
        said = [f"{error['exc_type']}\n  " + "\n  ".join(error["frames"]) for error in errors]
        entry["exception"] = "\nfrom ".join(said)
    return entry


def _walk_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _list_frames(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} {frame.name}"


class DiscreetExporter(SpanExporter):
    """Takes out of spans what their errors said, before another exporter has them."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export them so."""
        return self._inner.export([_redact_span(span) for span in spans])

    def shutdown(self) -> None:
        """End."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what waits."""
        return self._inner.force_flush(timeout_millis)


def _redact_span(span: ReadableSpan) -> ReadableSpan:
    told = copy.copy(span)
    parts: dict[str, Any] = {
        "_events": [_redact_event(event) for event in span.events],
        "_status": Status(span.status.status_code),
    }
    for name, value in parts.items():
        setattr(told, name, value)
    return told


def _redact_event(event: Event) -> Event:
    kept = {
        name: attribute
        for name, attribute in (event.attributes or {}).items()
        if name not in SAYING
    }
    return Event(event.name, kept, event.timestamp)
