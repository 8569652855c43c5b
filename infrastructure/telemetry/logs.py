"""Logs as JSON lines that name the trace they belong to; or as text, for people.

Whoever logs uses the standard library; structlog formats it.
"""

import logging
import sys
from collections.abc import Sequence

import structlog
from opentelemetry import trace
from opentelemetry.trace import format_span_id, format_trace_id
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from infrastructure.telemetry.redaction import DiscreetFormatter, in_words, types_and_places
from infrastructure.telemetry.settings import TelemetrySettings

CHATTY = ("httpx2", "stripe")  # they tell of every call; stripe quotes the provider's answers
JSON: Sequence[Processor] = (
    structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
    structlog.processors.JSONRenderer(),
)
OF_SERVERS = ("uvicorn", "uvicorn.access", "uvicorn.error")


def configure(service: str, settings: TelemetrySettings) -> None:
    """Write everything that is logged in this process to standard error. Once, and first."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter_of(service, settings))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    hush()
    for server in OF_SERVERS:  # they go the way of all others
        logging.getLogger(server).handlers.clear()
        logging.getLogger(server).propagate = True


def hush() -> None:
    """Have libraries that tell of every call tell of trouble only."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter_of(service: str, settings: TelemetrySettings) -> logging.Formatter:
    """How a line looks. Never with the values of local variables: they are customers' data."""
    kind = DiscreetFormatter if settings.discreet else structlog.stdlib.ProcessorFormatter
    return kind(
        foreign_pre_chain=[*_make_processors(), _of(settings.otel_service_name or service)],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([types_and_places] if settings.discreet else []),
            *(JSON if settings.json_logs else _for_people(settings)),
        ],
    )


def _for_people(settings: TelemetrySettings) -> Sequence[Processor]:
    plain = structlog.dev.plain_traceback
    colours = sys.stderr.isatty()
    line = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)
    return [in_words, line] if settings.discreet else [line]


def _make_processors() -> Sequence[Processor]:
    return (
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
    )


def _of(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
        entry["service"] = service
        return entry

    return add


def _trace_ids(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        entry["trace_id"] = format_trace_id(context.trace_id)
        entry["span_id"] = format_span_id(context.span_id)
    return entry
