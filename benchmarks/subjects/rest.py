"""The REST front end as a subject: an order placed and waited for, placed only, or read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx2

from benchmarks.environment import BenchEnvironment
from benchmarks.subjects.subject import EndedSaga
from contracts.names import workflow_id
from contracts.orders import CreateOrder
from local_stack.secrets import signing_keys

WAIT = 30
POLL = 0.1
PROCESSES = ("api", "worker", "relay", "webhooks", "temporal", "postgres", "provider")
LIFETIME = timedelta(hours=12)


def http_to(bench: BenchEnvironment) -> httpx2.AsyncClient:
    """A client with an operator's token; as many connections as it takes."""
    assert bench.plan.issuer is not None  # noqa: S101 - the stack has its own
    token = signing_keys.operators_token(bench.plan.issuer, LIFETIME)
    return httpx2.AsyncClient(
        base_url=bench.plan.urls["api"],
        headers={"Authorization": f"Bearer {token}"},
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
        timeout=2 * WAIT,
        trust_env=False,
    )


@dataclass(frozen=True)
class PostUntilEndedSubject:
    """POST with `Prefer: wait`: from the request to the confirmed order."""

    http: httpx2.AsyncClient
    order: Callable[[], CreateOrder]
    name: str = "rest_wait"
    title: str = "PlaceOrder by REST, POST with Prefer: wait"
    processes: tuple[str, ...] = PROCESSES

    async def run(self) -> EndedSaga:
        """Place one order and wait for its end."""
        answer = await _post(self.http, self.order(), {"Prefer": f"wait={WAIT}"})
        if answer.status_code != 201:
            raise RuntimeError(f"{answer.status_code}: {answer.text}")
        return EndedSaga(workflow_id=workflow_id(answer.json()["id"]))

    async def settle(self) -> None:
        """Nothing is left once `run` returned."""


@dataclass(frozen=True)
class PostSubject:
    """POST alone: until the order is accepted. Its saga goes on meanwhile."""

    http: httpx2.AsyncClient
    order: Callable[[], CreateOrder]
    name: str = "rest_post"
    title: str = "REST: POST of an order, accepted"
    processes: tuple[str, ...] = PROCESSES

    async def run(self) -> EndedSaga:
        """Place one order."""
        answer = await _post(self.http, self.order(), {})
        if answer.status_code != 202:
            raise RuntimeError(f"{answer.status_code}: {answer.text}")
        return EndedSaga(workflow_id=workflow_id(answer.json()["id"]))

    async def settle(self) -> None:
        """Wait until no order is pending."""
        pending = "/v1/orders?status=pending&limit=1"
        while (await self.http.get(pending)).json()["items"]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(POLL)


@dataclass(frozen=True)
class GetSubject:
    """GET of an order that is confirmed."""

    http: httpx2.AsyncClient
    order_id: str
    name: str = "rest_get"
    title: str = "REST: GET of an order"
    processes: tuple[str, ...] = PROCESSES

    async def run(self) -> EndedSaga:
        """Read it."""
        (await self.http.get(f"/v1/orders/{self.order_id}")).raise_for_status()
        return EndedSaga()

    async def settle(self) -> None:
        """Nothing is left once `run` returned."""


async def _post(
    http: httpx2.AsyncClient, order: CreateOrder, headers: dict[str, str]
) -> httpx2.Response:
    body = {
        "customer_id": order.customer_id,
        "items": [{"sku": item.sku, "quantity": item.quantity} for item in order.items],
        "payment_method": order.payment_method,
    }
    key = {"Idempotency-Key": uuid4().hex}
    return await http.post("/v1/orders", json=body, headers=headers | key)
