"""Prometheus reads every process of a stack, and finds each family where it belongs."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from uuid import uuid4

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from local_stack.temporal import server
from saga.stretch.messages import STRETCH
from tests.cli.test_trace import FORWARD, UNDOING
from tests.support.promql import read_by_deployments
from tests.support.stack import Stack, client
from tests.support.waiting import until

Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]  # by name: labels and value

PROCESS = {"http_server_request_duration_seconds_count"}
BREAKER = {"saga_breaker_state"}
OF_THE_SDK = {
    *("temporal_workflow_task_schedule_to_start_latency_count", "saga_outcomes_total"),
    *("saga_duration_count", "saga_activity_duration_count"),
}
OF_THE_API = {"saga_blocked", "saga_stock_held"}  # money has a series once there was some
OF_THE_RELAY = {"saga_outbox_waiting", "saga_outbox_lag_seconds"}
OF_THE_GATEWAY = {"envoy_http_downstream_rq_total", "envoy_http_local_rate_limit_ok_total"}


async def scraped(url: str) -> Samples:
    """What is there to read. The parser has every counter end in `_total`, whatever its name."""
    async with httpx2.AsyncClient(timeout=10) as http:
        text = (await http.get(url)).raise_for_status().text
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    found = samples.get(name, [])
    return sum(row for own, row in found if labels.items() <= own.items())


def places(stack: Stack) -> dict[str, str]:
    """Where the processes of a stack are read, by name."""
    ports = stack.state.ports
    health = {f"worker-{n}": ports.health_base + n for n in (1, 2)} | {"relay": ports.health_base}
    others = {"api": ports.api, "gateway": ports.metrics_base}
    others["webhooks"] = ports.health_of_webhooks(2)
    sdk = {f"sdk-{n}": ports.metrics_base + n for n in (1, 2)} | {"sdk-api": ports.metrics_base + 3}
    every = health | others | sdk
    return {name: f"http://127.0.0.1:{port}/metrics" for name, port in every.items()}


async def order(http: httpx2.AsyncClient, method: str) -> str:
    """Place one and wait for its end; its id."""
    return await placed(http, method, Prefer="wait=30")


async def placed(http: httpx2.AsyncClient, method: str, **headers: str) -> str:
    """Place one; its id."""
    sku = f"SKU-{uuid4().hex[:8]}"
    price = {"minor": 700, "currency": "EUR"}
    new = {"sku": sku, "name": "Thing", "price": price, "stock": 9}
    (await http.post("/v1/products", json=new)).raise_for_status()
    person = {"name": "Ada", "email": "ada@example.com"}
    user = (await http.post("/v1/users", json=person)).json()["id"]
    items = [{"sku": sku, "quantity": 1}]
    body = {"customer_id": user, "items": items, "payment_method": method}
    told = {"Idempotency-Key": sku, **headers}
    order_id: str = (await http.post("/v1/orders", json=body, headers=told)).json()["id"]
    return order_id


async def test_every_process_is_read_and_has_its_families(stack: Stack) -> None:
    async with client(stack) as http:
        # The slow one leaves the fast path, so that tasks of it wait in a queue.
        for method in ("pm_card_visa", "pm_card_visa_chargeDeclined", "pm_sandbox_slow"):
            await order(http, method)
        async with httpx2.AsyncClient(base_url=stack.gateway, headers=stack.bearer()) as front:
            (await front.get("/v1/orders")).raise_for_status()
    where = places(stack)
    read = await asyncio.gather(*map(scraped, where.values()))
    found = dict(zip(where, read, strict=True))
    wanted = {
        "api": PROCESS | BREAKER | OF_THE_API,
        "worker-1": BREAKER,
        "worker-2": BREAKER,
        "relay": OF_THE_RELAY,
        "gateway": OF_THE_GATEWAY,
    }
    missing = {name: sorted(key - found[name].keys()) for name, key in wanted.items()}
    assert not any(missing.values()), missing
    working = [found[key] for key in ("sdk-1", "sdk-2", "sdk-api")]  # any may have had an order
    assert sorted(OF_THE_SDK - set().union(*working)) == []
    for outcome in ("confirmed", "rejected"):
        assert sum(value(worker, "saga_outcomes_total", outcome=outcome) for worker in working) >= 1
        assert sum(value(worker, "saga_duration_count", outcome=outcome) for worker in working) >= 1
    for activity in (STRETCH, *FORWARD, *UNDOING):
        assert ended(working, activity=activity, well="true") >= 1, activity
    assert ended(working, activity="payment.charge", well="false") >= 2, "declined, and too slow"


def ended(working: Sequence[Samples], **labels: str) -> float:
    """How many activities with these labels have ended, by all processes that work."""
    return sum(value(worker, "saga_activity_duration_count", **labels) for worker in working)


async def test_a_repeated_attempt_is_counted_and_money_without_its_order_shows(
    stack: Stack,
) -> None:
    """A finished order that is reset runs again, and every step gets the reply of the first."""
    where = places(stack)

    async def duplicates() -> float:
        read = [await scraped(where[name]) for name in ("worker-1", "worker-2", "api")]
        return sum(value(item, "saga_barrier_duplicates_total", op="action") for item in read)

    async with client(stack) as http:
        order_id = await order(http, "pm_card_visa")
    before = await duplicates()
    command = [str(server.program()), "workflow", "reset", "-w", f"order-{order_id}"]
    options = ["-t", "FirstWorkflowTask", "--reason", "metrics"]
    done = await asyncio.create_subprocess_exec(
        *command, *options, "--address", stack.state.urls["temporal"]
    )
    assert await done.wait() == 0

    async def counted() -> bool:
        return await duplicates() >= before + 4

    await until(counted, within=30)
    await money_shows_while_its_order_is_not_confirmed(stack, where["api"])


async def money_shows_while_its_order_is_not_confirmed(stack: Stack, api: str) -> None:
    name = "saga_captured_unconfirmed_minor"
    before = value(await scraped(api), name, currency="EUR")
    async with client(stack) as http:
        order_id = await placed(http, "pm_sandbox_refund_refused")

        async def shows(minor: float) -> bool:
            found = await scraped(api)
            units = value(found, "saga_captured_unconfirmed_amount", currency="EUR")
            return value(found, name, currency="EUR") == minor == round(units * 100)

        await until(lambda: shows(before + 700), within=30)
        await until(lambda: shows(before), within=30)
        assert (await http.get(f"/v1/orders/{order_id}")).json()["status"] == "confirmed"


async def test_all_that_alerts_and_dashboards_read_is_there(stack: Stack) -> None:
    """After a saga that waits for an operator, an audit, and code that cannot go on."""
    async with client(stack) as http:
        await order(http, "pm_card_visa")
    base = [str(server.program()), "workflow", "start", "--address", stack.state.urls["temporal"]]
    unknown = ["--type", "NoSuchWorkflow", "--task-queue", "orders", "-w", "unknown-to-workers"]
    started = await asyncio.create_subprocess_exec(*base, *unknown)
    assert await started.wait() == 0
    stack.saga("audit", "--grace", "0")
    missing = set[str]()

    async def all_there() -> bool:
        found = await asyncio.gather(*map(scraped, places(stack).values()))
        names = {name for samples in found for name in samples}
        # The parser has every counter end in `_total`; Prometheus takes the name as it is served.
        names |= {name.removesuffix("_total") for name in names}
        missing.clear()
        missing.update(read_by_deployments() - names)
        return not missing

    try:
        await until(all_there, within=30)
    except TimeoutError:
        pytest.fail(f"no process has {sorted(missing)}")


async def test_the_gateway_does_not_lead_to_them(stack: Stack) -> None:
    async with httpx2.AsyncClient(base_url=stack.gateway, headers=stack.bearer()) as http:
        answers = [await http.get(path) for path in ("/metrics", "//metrics", "/v1/../metrics")]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert "saga_blocked" not in json.dumps([answer.text for answer in answers])
