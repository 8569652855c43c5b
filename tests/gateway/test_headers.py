"""What goes on of a request's headers, what comes back, and what is written down."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.edge import AMPLE, Edge, Upstream, edge
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.wire import request

IDENTITY = (
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-User", "Forwarded", "X-Real-IP"),
    *("X-Auth-Request-User", "X-Authenticated-Userid", "X-User-Id", "X-Userinfo", "X-Remote-User"),
    *("Remote-User", "X-Customer-Id", "X-Client-IP", "True-Client-IP", "X-Consumer-Username"),
    *("X-Gateway-Caller", "X-Gateway-Issuer", "X-Jwt-Payload", "X-Original-URL", "X-Rewrite-URL"),
    *("X-HTTP-Method-Override", "X-Envoy-Original-Path", "X-Envoy-Retry-On"),
    *("X-Envoy-Upstream-Rq-Timeout-Ms", "X-Envoy-Internal", "X-Envoy-Decorator-Operation"),
)
HOP_BY_HOP = {
    "Connection": "keep-alive, X-Secret-Hop",
    "X-Secret-Hop": "1",
    "Keep-Alive": "timeout=600",
    "Proxy-Connection": "keep-alive",
    "Proxy-Authorization": "Basic dXNlcjpwYXNz",
    "TE": "gzip",
    "Trailer": "X-Checksum",
    "Upgrade": "websocket",
}
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def names_that_go_on(gateway: Edge, headers: dict[str, str]) -> set[str]:
    answer = await gateway.ask(request("GET", "/v1/orders", headers))
    assert answer.status == 200, answer
    return {name for name, _ in gateway.upstream.received[-1].headers}


async def test_nobody_brings_an_identity_along(gateway: Edge) -> None:
    sent = dict.fromkeys(IDENTITY, "evil") | {item.upper(): "evil" for item in IDENTITY}
    await gateway.ask(request("GET", "/v1/orders", sent))
    (seen,) = gateway.upstream.received
    assert [name for name, value in seen.headers if "evil" in value] == []
    assert len(seen.all("x-forwarded-for")) == 1  # Envoy's own
    assert not [name for name, _ in seen.headers if name.startswith(("x-gateway-", "x-envoy-"))]


@pytest.mark.parametrize("name", HOP_BY_HOP)
async def test_what_holds_for_one_hop_goes_no_further(gateway: Edge, name: str) -> None:
    headers = {name: HOP_BY_HOP[name]}
    if name == "X-Secret-Hop":
        headers["Connection"] = HOP_BY_HOP["Connection"]
    assert name.lower() not in await names_that_go_on(gateway, headers)


async def test_the_servers_name_and_envoys_headers_stay_inside(gateway: Edge) -> None:
    answer = await gateway.ask(request("GET", "/v1/orders"))
    refusal = await gateway.ask(request("GET", "/nowhere"))
    for headers in (answer.headers, refusal.headers):
        assert "server" not in headers
        assert not [
            name for name in headers if name.startswith(("x-envoy", "x-gateway", "x-powered"))
        ]


@pytest.mark.parametrize("path", ["/v1/orders", "/nowhere"])
async def test_a_request_id_is_made_or_kept_and_told(gateway: Edge, path: str) -> None:
    made = await gateway.ask(request("GET", path))
    kept = await gateway.ask(request("GET", path, {"X-Request-Id": "mine-1"}))
    assert len(made.headers["x-request-id"]) == 36
    assert kept.headers["x-request-id"] == "mine-1"
    if gateway.upstream.received:
        assert gateway.upstream.received[-1].all("x-request-id") == ["mine-1"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (request("GET", "/v1/orders", {"X-Big": "a" * 30_000}), 431, "headers_too_large"),
        (request("GET", "/v1/" + "a" * 30_000), 431, "headers_too_large"),
        (
            request("GET", "/v1/orders", {f"X-{n}": "a" for n in range(120)}),
            431,
            "headers_too_large",
        ),
        (request("POST", "/v1/orders", {}, b"a" * 65_537), 413, "content_too_large"),
    ],
)
async def test_what_is_too_large_is_refused(
    gateway: Edge, data: bytes, status: int, code: str
) -> None:
    answer = await gateway.ask(data)
    assert (answer.status, answer.problem()["code"]) == (status, code)
    assert gateway.upstream.received == []


async def test_the_largest_body_goes_on(gateway: Edge) -> None:
    answer = await gateway.ask(request("POST", "/v1/orders", {}, b"a" * 65_536))
    assert answer.status == 200
    assert len(gateway.upstream.received[0].body) == 65_536


async def logged(gateway: Edge, request_id: str) -> dict[str, Any]:
    """The line of the access log about this request."""
    found: list[dict[str, Any]] = []

    async def written() -> bool:
        lines = gateway.layout.log("gateway-access").read_text().splitlines()
        found[:] = [line for line in map(json.loads, lines) if line["request_id"] == request_id]
        return bool(found)

    await until(written, within=15)  # Envoy writes it down every ten seconds, or when much is there
    (line,) = found
    return line


async def test_the_log_tells_who_called_and_keeps_queries_and_tokens_out(gateway: Edge) -> None:
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    headers = {"X-Request-Id": "logged-1", "traceparent": parent}
    await gateway.ask(request("GET", "/v1/orders?customer_id=usr_secret", headers))
    line = await logged(gateway, "logged-1")
    assert (line["caller"], line["status"], line["path"]) == (OPERATOR, 200, "/v1/orders")
    assert (line["trace_id"], line["parent"]) == (TRACE, parent)
    assert "usr_secret" not in json.dumps(line)
    assert "Bearer" not in json.dumps(line)
    (sent,) = gateway.upstream.received[0].all("traceparent")
    assert sent == f"00-{TRACE}-{line['span_id']}-01"


async def test_spans_go_to_the_collector_and_traces_that_begin_here_are_sampled(
    tmp_path: Path,
) -> None:
    """The stub stands for the collector too."""
    collector = Upstream()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    environ = {
        **AMPLE,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0",
    }
    async with server, edge(tmp_path, environ) as front:
        await front.ask(request("GET", "/v1/orders"))
        await front.ask(request("GET", "/v1/orders", {"traceparent": f"00-{TRACE}-{'b' * 16}-01"}))
        unsampled, sampled = (event.all("traceparent")[0] for event in front.upstream.received)

        async def sent() -> bool:
            return bool(collector.received)

        await until(sent)
        collector.hang_up()
    assert unsampled.endswith("-00")
    assert sampled.endswith("-01")
    (batch,) = collector.received
    assert batch.line == "POST /v1/traces HTTP/1.1"
    assert bytes.fromhex(TRACE) in batch.body


async def test_without_traces_the_callers_goes_through(tmp_path: Path) -> None:
    parent = f"00-{TRACE}-{'b' * 16}-01"
    async with edge(tmp_path, AMPLE | {"OTEL_SDK_DISABLED": "true"}) as front:
        await front.ask(request("GET", "/v1/orders", {"traceparent": parent}))
        assert front.upstream.received[0].all("traceparent") == [parent]
