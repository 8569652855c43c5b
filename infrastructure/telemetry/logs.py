"""Logs as JSON lines that name the trace they belong to; or as text, for people.

Whoever logs uses the standard library; structlog formats it.
"""

import logging
import sys
from collections.abc import Sequence

import structlog
from opentelemetry import trace
from opentelemetry.trace import format_span_id, format_trace_id
from structlog.typing import EventDict, Processor, WrappedLogger

from infrastructure.telemetry.settings import TelemetrySettings

CHATTY = ("httpx2",)  # it tells of every call
OF_SERVERS = ("uvicorn", "uvicorn.access", "uvicorn.error")


def configure(service: str, settings: TelemetrySettings) -> None:
    """Write everything that is logged in this process to standard error. Once, and first."""
    own = settings.otel_service_name or service
    shared = _shared()
    last = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if settings.json_logs
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _of(own)],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for server in OF_SERVERS:  # they go the way of all others
        logging.getLogger(server).handlers.clear()
        logging.getLogger(server).propagate = True


def _shared() -> Sequence[Processor]:
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
