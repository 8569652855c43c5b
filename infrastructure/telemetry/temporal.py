"""Traces of those who speak to Temporal: its SDK's own plugin, and the tracer that it wants.

Such a tracer makes the same spans when a workflow is replayed, and does not end them again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import (
    OpenTelemetryInterceptor,
    OpenTelemetryPlugin,
    ReplaySafeTracerProvider,
    create_tracer_provider,
)
from temporalio.converter import PayloadConverter
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from infrastructure.telemetry.settings import TelemetrySettings

# How the SDK's plugin passes traces on.
HEADER = "_tracer-data"
PROPAGATOR = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


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
    return [TracesPlugin()] if settings.traces else []


class TracesPlugin(OpenTelemetryPlugin):
    """The SDK's own, but for activities that run within another one, as the steps of a stretch do.

    They have its headers, and these name the span of its request. Theirs are below its own.
    """

    def __init__(self) -> None:
        super().__init__(add_temporal_spans=True)
        self.interceptors = [_Interceptor(add_temporal_spans=True)]


class _Interceptor(OpenTelemetryInterceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Within(super().intercept_activity(next))


class _Within(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        if trace.get_current_span().get_span_context().is_valid:
            carrier: dict[str, str] = {}
            PROPAGATOR.inject(carrier)
            told = PayloadConverter.default.to_payload(carrier)
            input = replace(input, headers={**input.headers, HEADER: told})  # noqa: A001 - likewise
        return await super().execute_activity(input)
