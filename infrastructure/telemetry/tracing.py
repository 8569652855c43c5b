"""Traces of a process: where spans go, and what makes them.

The provider is the one of Temporal's SDK, whose spans are the same when a workflow is replayed, and
are then not sent again. It is OpenTelemetry's global provider: FastAPI and the plugin look there.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, create_tracer_provider

from infrastructure.telemetry import sql
from infrastructure.telemetry.settings import TelemetrySettings
from infrastructure.telemetry.spans import FileExporter

LOCAL_DELAY = 500.0  # milliseconds until a span is in its file; `saga trace` is asked for by people


@contextmanager
def tracing(service: str, settings: TelemetrySettings) -> Iterator[None]:
    """Trace while in the block; at its end, what is not sent yet is. Once in a process."""
    if not settings.traces:
        yield
        return
    name = settings.otel_service_name or service
    provider = create_tracer_provider(
        resource=Resource.create({"service.name": name}), shutdown_on_exit=False
    )
    if settings.exports:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if settings.saga_spans is not None:
        kept = FileExporter(settings.saga_spans, name)
        provider.add_span_processor(BatchSpanProcessor(kept, schedule_delay_millis=LOCAL_DELAY))
    trace.set_tracer_provider(provider)
    sql.instrument()
    HTTPX2ClientInstrumentor().instrument()
    try:
        yield
    finally:
        provider.shutdown()


def plugins(settings: TelemetrySettings) -> list[Plugin]:
    """What a client of Temporal needs to go on with traces; its workers have it from there."""
    return [OpenTelemetryPlugin(add_temporal_spans=True)] if settings.traces else []
