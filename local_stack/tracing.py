"""Traces of the local stack: each process keeps its spans in a folder, for `saga trace`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from infrastructure.envoy.builders import Address
from infrastructure.envoy.observability import Tracing
from local_stack.errors import StackError
from local_stack.supervision.child import Child, Job, Stage


def environment(spans: Path | None) -> dict[str, str]:
    """What has our programs keep their spans there."""
    return {} if spans is None else {"SAGA_SPANS": str(spans)}


def of_the_gateway(environ: Mapping[str, str]) -> Tracing | None:
    """What Envoy is told of OTEL_*; None if there is nowhere for spans to go. StackError."""
    collector = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        collector = ""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or not (collector or "SAGA_SPANS" in environ):
        return None
    by_share = environ.get("OTEL_TRACES_SAMPLER", "").endswith("traceidratio")
    try:
        share = float(environ.get("OTEL_TRACES_SAMPLER_ARG") or 1) if by_share else 1.0
        found = Tracing(collector, share)
        found.cluster(Address("127.0.0.1", 0))
    except ValueError as error:
        raise StackError(f"the gateway cannot trace as OTEL_* says: {error}") from error
    return found


def name_services(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The same, where each process knows what it is called."""
    return tuple(
        tuple(tuple(_name_service(child) for child in lane) for lane in stage) for stage in stages
    )


def _name_service(step: Child | Job) -> Child | Job:
    if isinstance(step, Job):
        return step
    return replace(step, env={**step.env, "OTEL_SERVICE_NAME": step.name})
