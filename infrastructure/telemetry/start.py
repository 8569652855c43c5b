"""For composition roots: logs, traces and metrics of one process, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from infrastructure.telemetry import logs
from infrastructure.telemetry.metrics import measuring
from infrastructure.telemetry.settings import TelemetrySettings
from infrastructure.telemetry.tracing import Make, plain, tracing


@contextmanager
def telemetry_of(service: str, make: Make = plain) -> Iterator[TelemetrySettings]:
    """Tell of this process, by the settings of its environment, until the end of the block.

    `service` is its name where OTEL_SERVICE_NAME does not give it another; `make` makes the
    provider of its tracers.
    """
    settings = TelemetrySettings()
    logs.configure(service, settings)
    with tracing(service, settings, make), measuring(service):
        yield settings
