"""For composition roots: logs, traces and metrics of one process, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from infrastructure.telemetry import logs
from infrastructure.telemetry.metrics import measuring
from infrastructure.telemetry.settings import TelemetrySettings
from infrastructure.telemetry.tracing import Make, plain, tracing


@contextmanager
def telemetry_of(service: str, make: Make | None = plain) -> Iterator[TelemetrySettings]:
    """Tell of this process, by the settings of its environment, until the end of the block.

    `service` is its name where OTEL_SERVICE_NAME does not give it another; `make` makes the
    provider of its tracers, and None is for a process without anything to trace.
    """
    settings = TelemetrySettings()
    logs.configure(service, settings)
    traces = nullcontext() if make is None else tracing(service, settings, make)
    with traces, measuring(service):
        yield settings
