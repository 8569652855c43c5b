"""Metrics of a process: how they are made, and how Prometheus reads them.

What workflows measure goes by Temporal's SDK instead, which does not count again when they are
replayed. Names end as Prometheus has it (`_total`, `_seconds`); the exporter adds that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Counter
from opentelemetry.metrics import _Gauge as Gauge
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest, start_http_server

METER = "order-saga"


@contextmanager
def measuring(service: str) -> Iterator[None]:
    """Count while in the block. Once in a process."""
    reader = PrometheusMetricReader(scope_info_enabled=False)
    resource = Resource.create({"service.name": service})
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


@cache
def counter(name: str, description: str) -> Counter:
    """What only grows."""
    return metrics.get_meter(METER).create_counter(name, description=description)


@cache
def gauge(name: str, description: str, unit: str = "") -> Gauge:
    """A value that was looked up."""
    return metrics.get_meter(METER).create_gauge(name, unit, description)


def exposition() -> tuple[bytes, str]:
    """All metrics of this process as Prometheus reads them, and their content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def serve(port: int) -> None:
    """Let Prometheus read them on loopback, in a process that serves nothing else."""
    start_http_server(port, "127.0.0.1")
