"""Time-outs and retries of routes, and a gateway whose API is not there."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.gateway.edge import AMPLE, Edge, edge
from tests.support.ports import free_port
from tests.support.tokens import bearer
from tests.support.wire import request

TIMES = {"GATEWAY_READ_TIMEOUT": "1", "GATEWAY_WRITE_TIMEOUT": "2"}
STREAMS = ["/v1/orders/ord_1/events", "/v1/events"]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"


@pytest_asyncio.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """With time-outs of a second or two."""
    async with edge(tmp_path_factory.mktemp("hasty"), AMPLE | TIMES) as running:
        yield running


@pytest.fixture
def quick(hasty: Edge) -> Edge:
    hasty.upstream.received.clear()
    hasty.upstream.replies.clear()
    return hasty


async def test_a_get_that_got_no_answer_is_tried_again(gateway: Edge) -> None:
    gateway.upstream.replies[:] = [None, None]
    assert (await gateway.ask(request("GET", "/v1/orders"))).status == 200
    assert len(gateway.upstream.received) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_else_is_tried_again(gateway: Edge, method: str) -> None:
    gateway.upstream.replies[:] = [None]
    answer = await gateway.ask(request(method, "/v1/orders", {"Idempotency-Key": "a"}, b"{}"))
    problem = answer.problem()
    assert (answer.status, problem["code"]) == (503, "unavailable")
    assert "not known" in problem["detail"]
    assert answer.headers["retry-after"] == "1"
    assert len(gateway.upstream.received) == 1


@pytest.mark.parametrize("header", ["X-Envoy-Retry-On", "X-Envoy-Max-Retries"])
async def test_no_caller_asks_for_retries(gateway: Edge, header: str) -> None:
    gateway.upstream.replies[:] = [None]
    headers = {"X-Envoy-Retry-On": "5xx,reset", header: "5xx,reset"}
    assert (await gateway.ask(request("POST", "/v1/orders", headers, b"{}"))).status == 503
    assert len(gateway.upstream.received) == 1


async def test_an_answer_is_an_answer(gateway: Edge) -> None:
    gateway.upstream.replies[:] = [UNAVAILABLE]
    answer = await gateway.ask(request("GET", "/v1/orders"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert len(gateway.upstream.received) == 1


@pytest.mark.parametrize(("method", "seconds"), [("GET", 1), ("POST", 2)])
async def test_an_answer_that_does_not_come_is_not_waited_for(
    quick: Edge, method: str, seconds: int
) -> None:
    quick.upstream.replies[:] = [b""] * 4
    begin = time.monotonic()
    answer = await quick.ask(request(method, "/v1/orders"))
    assert (answer.status, answer.problem()["code"]) == (504, "gateway_timeout")
    assert answer.headers["retry-after"] == "1"
    assert time.monotonic() - begin > seconds - 0.1


async def test_a_caller_cannot_make_a_time_out_longer(quick: Edge) -> None:
    quick.upstream.replies[:] = [b""] * 4
    headers = {"X-Envoy-Upstream-Rq-Timeout-Ms": "60000", "X-Envoy-Expected-Rq-Timeout-Ms": "60000"}
    assert (await quick.ask(request("GET", "/v1/orders", headers))).status == 504


@pytest.mark.parametrize("path", STREAMS)
async def test_an_event_stream_outlasts_every_time_out(quick: Edge, path: str) -> None:
    """Bytes come through as they are sent, beyond the time-outs of other routes."""
    quick.upstream.replies[:] = [HEAD]
    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{quick.port}", headers=bearer()) as http,
        http.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer,
    ):
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        begin = time.monotonic()
        for n in range(4):
            quick.upstream.say(b"7\r\nid: %d\n\n\r\n" % n)
            async with asyncio.timeout(5):
                assert [await anext(lines), await anext(lines)] == [f"id: {n}", ""]
            await asyncio.sleep(0.8)  # the stream's own pace
        assert time.monotonic() - begin > 3


async def test_an_api_that_is_not_there_is_503(tmp_path: Path) -> None:
    async with edge(tmp_path, AMPLE, api=free_port()) as alone:
        for method in ("GET", "POST"):
            answer = await alone.ask(request(method, "/v1/orders"))
            assert (answer.status, answer.problem()["code"]) == (503, "unavailable")
            assert answer.headers["retry-after"] == "1"
        alone_refusal = await alone.ask(request("GET", "/v1/orders", {"Authorization": ""}))
        assert alone_refusal.status == 401


async def test_prometheus_reads_the_gateways_metrics_beside_it(gateway: Edge) -> None:
    await gateway.ask(request("GET", "/v1/orders"))
    async with httpx2.AsyncClient() as http:
        beside = await http.get(f"http://127.0.0.1:{gateway.metrics.port}/metrics")
        other = await http.get(f"http://127.0.0.1:{gateway.metrics.port}/config_dump")
        stop = await http.post(f"http://127.0.0.1:{gateway.metrics.port}/quitquitquit")
    assert "envoy_http_downstream_rq_total" in beside.text
    assert {other.status_code, stop.status_code} == {404}
