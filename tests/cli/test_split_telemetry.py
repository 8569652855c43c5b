"""Traces and metrics where the services are processes of their own."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from contracts.names import SERVICES
from tests.cli.test_metrics import scraped, value
from tests.cli.test_trace import FORWARD, UNDOING, UP_TO_THE_CHARGE, Traced, check, clean
from tests.support.stack import Stack, running_stack

# What each step asks of which service.
CALLS = {
    "order.create": "order",
    "user.validate": "user",
    "inventory.reserve": "inventory",
    "payment.charge": "payment",
}


@pytest_asyncio.fixture(scope="module")
async def split(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """`saga up --topology services`."""
    folder = tmp_path_factory.mktemp("split")
    async with running_stack(folder, workers=1, options=("--topology", "services")) as stack:
        yield stack


async def order(stack: Stack, method: str) -> tuple[str, Traced]:
    """Place one by the gateway: how it ended, and its trace, of which no step was slow."""
    async with httpx2.AsyncClient(
        base_url=stack.gateway, timeout=40, headers=stack.bearer()
    ) as http:
        return await clean(stack, http, method)


def check_calls(trace: Traced) -> None:
    """Each step's activity called its service over HTTP, and that ran its SQL."""
    for activity, service in CALLS.items():
        ran = trace.one(f"RunActivity:{activity}")
        calls = [span for span in trace.spans if span.parent_id == ran.span_id]
        assert [(call.name, call.kind) for call in calls] == [("POST", "client")], activity
        (served,) = [span for span in trace.spans if span.parent_id == calls[0].span_id]
        assert (served.service, served.kind) == (f"{service}-1", "server")
        assert served.name.startswith(f"POST /v1/{service}/")
        below = [span for span in trace.spans if span.parent_id == served.span_id]
        assert any("db.query.text" in item.attributes for item in below), activity


async def test_a_confirmed_order_is_one_trace_through_all_services(split: Stack) -> None:
    status, trace = await order(split, "pm_card_visa")
    assert status == "confirmed"
    check(trace, FORWARD)
    check_calls(trace)
    asked = [span for span in trace.spans if "/v1/payment_intents" in str(span.attributes)]
    assert {question.service for question in asked} == {"payment-1"}


async def test_a_compensated_order_is_one_trace_through_all_services(split: Stack) -> None:
    status, trace = await order(split, "pm_card_visa_chargeDeclined")
    assert status == "rejected"
    check(trace, UP_TO_THE_CHARGE, UNDOING)
    check_calls(trace)


async def test_every_service_is_read_by_prometheus(split: Stack) -> None:
    await order(split, "pm_card_visa")
    ports = split.state.ports
    urls = [f"http://127.0.0.1:{ports.instance(owner, 1)}/metrics" for owner in SERVICES]
    found = dict(zip(SERVICES, await asyncio.gather(*map(scraped, urls)), strict=True))
    for service, samples in found.items():
        assert value(samples, "http_server_request_duration_seconds_count") >= 1, service
    assert value(found["payment"], "saga_breaker_state", dependency="payment_provider") == 1
    worker = await scraped(f"http://127.0.0.1:{ports.health_base + 1}/metrics")
    for service in SERVICES:
        closed = {"dependency": f"{service}_service", "state": "closed"}
        assert value(worker, "saga_breaker_state", **closed) == 1


async def test_the_registry_is_read_where_it_is_watched(split: Stack) -> None:
    ports = split.state.ports
    samples = await scraped(f"http://127.0.0.1:{ports.discovery}/metrics")
    for service in SERVICES:
        assert value(samples, "saga_instances", service=service) == 1
    envoy = await scraped(f"http://127.0.0.1:{ports.metrics_base}/metrics")
    for service in SERVICES:
        assert value(envoy, "envoy_cluster_membership_total", envoy_cluster_name=service) == 1
