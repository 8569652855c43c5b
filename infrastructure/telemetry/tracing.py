"""Traces of a process: where spans go, and what makes them.

The tracer's provider is OpenTelemetry's global one: FastAPI and Temporal's plugin look there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from infrastructure.telemetry import baggage, sql
from infrastructure.telemetry.redaction import DiscreetExporter
from infrastructure.telemetry.settings import TelemetrySettings
from infrastructure.telemetry.span_files import FileExporter

LOCAL_DELAY = 500.0  # milliseconds until a span is in its file; `saga trace` is asked for by people


Make = Callable[[Resource, Sequence[SpanProcessor]], trace.TracerProvider]


def plain(resource: Resource, processors: Sequence[SpanProcessor]) -> trace.TracerProvider:
    """The library's own provider, for whoever runs no workflows."""
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


@contextmanager
def tracing(service: str, settings: TelemetrySettings, make: Make) -> Iterator[None]:
    """Trace while in the block; at its end, what is not sent yet is. Once in a process."""
    if not settings.traces:
        yield
        return
    name = settings.otel_service_name or service
    processors = list(_make_processors(name, settings))
    trace.set_tracer_provider(make(Resource.create({"service.name": name}), processors))
    baggage.install()
    sql.instrument()
    HTTPX2ClientInstrumentor().instrument()
    try:
        yield
    finally:
        for processor in processors:
            processor.shutdown()


def _make_processors(name: str, settings: TelemetrySettings) -> Iterator[SpanProcessor]:
    if settings.exports:
        # Slow to load, and not used where spans go to files or nowhere.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )

        sent = OTLPSpanExporter()
        yield BatchSpanProcessor(DiscreetExporter(sent) if settings.discreet else sent)
    if settings.saga_spans is not None:
        kept = FileExporter(settings.saga_spans, name)
        told = DiscreetExporter(kept) if settings.discreet else kept
        yield BatchSpanProcessor(told, schedule_delay_millis=LOCAL_DELAY)
