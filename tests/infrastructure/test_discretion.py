"""Logs and spans tell what an error is and where it was, and not what it says."""

import json
import logging

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infrastructure.telemetry.logs import formatter_of
from infrastructure.telemetry.redaction import DiscreetExporter
from infrastructure.telemetry.settings import TelemetrySettings
from tests.codec.rings import NEW

SECRET = "ada@example.com"


def record(message: str, *args: object) -> logging.LogRecord:
    try:
        local = SECRET.upper()
        try:
            raise ValueError(SECRET)
        except ValueError as cause:
            raise RuntimeError(f"{SECRET} {local}") from cause
    except RuntimeError as error:
        info = (type(error), error, error.__traceback__)
    return logging.LogRecord("x", logging.ERROR, __file__, 1, message, args, info)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_discreet_log_has_types_and_places_of_errors_alone(log_format: str) -> None:
    settings = TelemetrySettings.model_validate({"log_format": log_format, "log_errors": "types"})
    line = formatter_of("test", settings).format(record("failed: %s", ValueError(SECRET)))
    assert SECRET not in line.lower()
    for told in ("failed: ValueError", "RuntimeError", "test_discretion.py", "record"):
        assert told in line


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_log_has_the_values_of_local_variables(log_format: str) -> None:
    settings = TelemetrySettings.model_validate({"log_format": log_format})
    line = formatter_of("test", settings).format(record("failed"))
    assert SECRET in line  # of the message
    assert "locals" not in line
    assert line.count(SECRET.upper()) == 1  # in the message too, and not as a local


def test_a_json_log_of_an_error_is_one_line_for_programs() -> None:
    line = formatter_of("test", TelemetrySettings(log_errors="types")).format(record("failed"))
    told = json.loads(line)
    assert [item["exc_type"] for item in told["exception"]] == ["RuntimeError", "ValueError"]


def test_logs_are_discreet_where_payloads_are_encrypted_unless_told_otherwise() -> None:
    keys = {"payload_keys": NEW.secret}
    assert TelemetrySettings.model_validate(keys).discreet
    assert not TelemetrySettings.model_validate(keys | {"log_errors": "full"}).discreet
    assert not TelemetrySettings().discreet


def test_a_discreet_span_says_that_it_failed_and_of_what_type() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(DiscreetExporter(kept)))
    with (
        pytest.raises(ValueError, match=SECRET),
        provider.get_tracer("x").start_as_current_span("work"),
    ):
        raise ValueError(SECRET)
    (span,) = kept.get_finished_spans()
    assert SECRET not in span.to_json()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert dict(span.events[0].attributes or {})["exception.type"] == "ValueError"
