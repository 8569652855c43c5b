"""What of a trace comes back in answers, what baggage goes on, and what span files keep."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.http.request_id import RequestIdMiddleware
from infrastructure.telemetry.baggage import AllowedBaggage
from infrastructure.telemetry.redaction import DiscreetExporter
from infrastructure.telemetry.span_files import FileExporter, KeptSpan, read

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "4242 4242 4242 4242"


async def ask(sent: dict[str, str]) -> httpx2.Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("", 404)(scope, receive, send)

    transport = httpx2.ASGITransport(RequestIdMiddleware(app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://api") as http:
        return await http.get("/", headers=sent)


async def test_the_span_of_a_request_comes_back() -> None:
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s") as span:
        answer = await ask({"traceparent": PARENT})
    context = span.get_span_context()
    assert context is not None
    ids = f"{trace.format_trace_id(context.trace_id)}-{trace.format_span_id(context.span_id)}"
    assert answer.headers["traceparent"].startswith(f"00-{ids}-")


@pytest.mark.parametrize(
    ("given", "told"),
    [(PARENT, PARENT), ("nonsense", None), (PARENT.replace("00f067aa0ba902b7", "0" * 16), None)],
)
async def test_without_tracing_the_callers_own_comes_back(given: str, told: str | None) -> None:
    assert (await ask({"traceparent": given})).headers.get("traceparent") == told
    assert "traceparent" not in (await ask({})).headers


def test_baggage_of_the_allow_list_goes_on_and_no_other() -> None:
    told = "session.id=s-1,customer=usr_1,synthetic=a%20b,user=eve"
    found = AllowedBaggage().extract({"baggage": told})
    assert baggage.get_all(found) == {"session.id": "s-1"}
    carrier: dict[str, str] = {}
    AllowedBaggage().inject(carrier, baggage.set_baggage("user", "eve", found))
    assert carrier == {"baggage": "session.id=s-1"}


def kept(folder: Path, *, discreet: bool = False) -> dict[str, KeptSpan]:
    """Spans of a call that failed, of one that was called off, and of one that went well."""
    exporter = FileExporter(folder, "me")
    provider = TracerProvider(shutdown_on_exit=False)
    told = DiscreetExporter(exporter) if discreet else exporter
    provider.add_span_processor(SimpleSpanProcessor(told))
    tracer = provider.get_tracer("t")
    with pytest.raises(ValueError, match="4242"), tracer.start_as_current_span("failed"):
        raise ValueError(SECRET)
    with tracer.start_as_current_span("called off") as span:
        span.set_status(Status(StatusCode.ERROR, f"{asyncio.CancelledError.__name__}: "))
    with tracer.start_as_current_span("well") as span:
        span.add_event("retried", {"attempt": 2})
    provider.shutdown()
    return {span.name: span for span in read(folder)}


def test_span_files_keep_what_was_said_and_what_failed_alone_is_red(tmp_path: Path) -> None:
    spans = kept(tmp_path)
    assert [name for name, span in spans.items() if span.failed] == ["failed"]
    assert spans["failed"].error == f"ValueError: {SECRET}"
    (log,) = spans["failed"].logs
    assert (log.name, log.attributes["exception.type"]) == ("exception", "ValueError")
    assert [(log.name, log.attributes) for log in spans["well"].logs] == [
        ("retried", {"attempt": 2})
    ]
    assert spans["called off"].error is None


def test_span_files_keep_no_message_where_payloads_are_encrypted(tmp_path: Path) -> None:
    assert kept(tmp_path, discreet=True)["failed"].failed
    assert SECRET not in (tmp_path / "me.jsonl").read_text()
