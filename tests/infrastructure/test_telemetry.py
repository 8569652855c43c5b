"""Traces, kept spans and logs, without a stack."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from infrastructure.envoy.access_log_spans import of_log
from infrastructure.telemetry.settings import TelemetrySettings
from infrastructure.telemetry.span_files import FileExporter, KeptSpan, read
from infrastructure.telemetry.sql import summary
from infrastructure.telemetry.waterfall import rows

COLLECTOR = "http://collector.example:4318"


def span(span_id: str, parent: str | None, start: int, end: int) -> KeptSpan:
    return KeptSpan(
        trace_id="t", span_id=span_id, parent_id=parent, name=span_id, service="s", kind="internal",
        start=start, end=end,
    )  # fmt: skip


def make_spans(exporter: FileExporter, count: int) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for _ in range(count):
        with provider.get_tracer("test").start_as_current_span("outer"):
            provider.get_tracer("test").start_span("inner", attributes={"a": ["b"]}).end()
    provider.shutdown()


def test_what_is_kept_is_what_happened(tmp_path: Path) -> None:
    make_spans(FileExporter(tmp_path / "spans", "me"), 1)
    inner, outer = read(tmp_path / "spans")
    assert (inner.name, inner.parent_id, inner.attributes) == ("inner", outer.span_id, {"a": ["b"]})
    assert outer.parent_id is None
    assert outer.start <= inner.start <= inner.end <= outer.end
    assert (tmp_path / "spans").stat().st_mode & 0o077 == 0


def test_kept_spans_take_bounded_space(tmp_path: Path) -> None:
    # Twice a prime number of lines: the last file is not just full, however long a line is.
    make_spans(FileExporter(tmp_path, "me", max_bytes=2000), 103)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < 3000
    assert len(list(read(tmp_path))) > 5


def test_a_line_that_is_not_whole_is_left_out(tmp_path: Path) -> None:
    make_spans(FileExporter(tmp_path, "me"), 1)
    path = tmp_path / "me.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert [item.name for item in read(tmp_path)] == ["inner"]


def test_a_full_disk_costs_the_spans_alone(tmp_path: Path) -> None:
    exporter = FileExporter(tmp_path / "spans", "me")
    (tmp_path / "spans").rmdir()
    make_spans(exporter, 1)  # raises nothing


def test_a_waterfall_has_children_below_their_parents_in_time() -> None:
    found = rows([span("b", "a", 5, 6), span("a", None, 1, 9), span("c", "a", 2, 4)])
    assert [(row.span.span_id, row.depth, row.offset) for row in found] == [
        ("a", 0, 0),
        ("c", 1, 1),
        ("b", 1, 4),
    ]


def test_a_span_whose_parent_was_not_kept_is_drawn_too() -> None:
    assert [row.depth for row in rows([span("b", "lost", 5, 6)])] == [0]


def test_the_gateways_log_is_its_spans(tmp_path: Path) -> None:
    entry = {
        "time": "2026-01-01T00:00:00.000250Z",
        "method": "GET",
        "path": "/v1/orders",
        "status": 503,
        "milliseconds": 7,
        "trace_id": "t",
        "span_id": "s",
        "parent": "00-t-caller-01",
    }
    log = tmp_path / "log"
    log.write_text(f'{json.dumps(entry)}\n{json.dumps(entry | {"trace_id": None})}\n{{"time')
    (found,) = of_log(log)
    assert (found.name, found.parent_id, found.failed) == ("GET /v1/orders", "caller", True)
    assert found.start == 1_767_225_600_000_250_000
    assert found.end - found.start == 7_000_000


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT orders.id FROM orders WHERE a = $1", "SELECT orders"),
        ("INSERT INTO barrier (a) VALUES ($1) ON CONFLICT DO NOTHING", "INSERT barrier"),
        ("UPDATE products SET a = $1", "UPDATE products"),
        ("DELETE FROM outbox", "DELETE outbox"),
        (
            "WITH claim AS (INSERT INTO barrier (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1)"
            " UPDATE products SET a = $1",
            "INSERT barrier, UPDATE products",
        ),
        (
            "WITH held AS (SELECT a FROM products FOR UPDATE OF products) SELECT",
            "SELECT products",
        ),
    ],
)
def test_a_statement_is_named_by_its_table(statement: str, said: str) -> None:
    assert summary(statement) == said


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": COLLECTOR}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"SAGA_SPANS": "/somewhere", "OTEL_TRACES_EXPORTER": "none"}, True),
        ({"SAGA_SPANS": "/somewhere", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_traces_are_on_where_they_have_somewhere_to_go(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], on: bool
) -> None:
    for name in [
        variable for variable in os.environ if variable.startswith(("OTEL_", "SAGA_SPANS"))
    ]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert TelemetrySettings().traces is on


PROGRAM = """
import logging
from opentelemetry import trace
from sqlalchemy import event
from sqlalchemy.engine import Engine
import httpx2
from infrastructure.telemetry import sql
from infrastructure.telemetry.setup import telemetry_of
from infrastructure.telemetry.temporal import plugins, replay_safe

plain = httpx2.AsyncHTTPTransport.handle_async_request
with telemetry_of("program", replay_safe) as settings:
    with trace.get_tracer("test").start_as_current_span("a") as span:
        logging.getLogger("somebody").warning("said %s", "so")
        print(span.is_recording())
    print(event.contains(Engine, "before_cursor_execute", sql._before))
    print(httpx2.AsyncHTTPTransport.handle_async_request is not plain)
    print(len(plugins(settings)))
"""


def run(environ: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """What the program prints, and the line that it logs."""
    usual = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=usual | environ,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split(), json.loads(done.stderr.splitlines()[-1])


def test_off_leaves_everything_as_it_is() -> None:
    printed, line = run({})
    assert printed == ["False", "False", "False", "0"]
    assert (line["event"], line["level"], line["service"]) == ("said so", "warning", "program")
    assert "trace_id" not in line


def test_on_makes_spans_that_logs_name(tmp_path: Path) -> None:
    printed, line = run({"SAGA_SPANS": str(tmp_path), "OTEL_SERVICE_NAME": "me"})
    assert printed == ["True", "True", "True", "1"]
    (kept,) = read(tmp_path)
    assert (kept.name, kept.service) == ("a", "me")
    assert (line["trace_id"], line["span_id"]) == (kept.trace_id, kept.span_id)


def test_the_sampler_is_by_the_standards_variables(tmp_path: Path) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    printed, _ = run({"SAGA_SPANS": str(tmp_path), **sampler})
    assert printed[0] == "False"
    assert list(read(tmp_path)) == []
