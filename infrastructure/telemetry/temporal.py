"""Traces of those who speak to Temporal: its SDK's own plugin, and the tracer that it wants.

Such a tracer makes the same spans when a workflow is replayed, and does not end them again.
"""

from collections.abc import Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import (
    OpenTelemetryPlugin,
    ReplaySafeTracerProvider,
    create_tracer_provider,
)

from infrastructure.telemetry.settings import TelemetrySettings


def replay_safe(
    resource: Resource, processors: Sequence[SpanProcessor]
) -> ReplaySafeTracerProvider:
    """For `telemetry_of`."""
    provider = create_tracer_provider(resource=resource, shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def plugins(settings: TelemetrySettings) -> list[Plugin]:
    """What a client of Temporal needs to go on with traces; its workers have it from there."""
    return [OpenTelemetryPlugin(add_temporal_spans=True)] if settings.traces else []
