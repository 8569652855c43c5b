"""A whole order saga in one process: real PostgreSQL, Temporal and provider, real workers, and the
API in front. Tests share it and keep apart by users and products of their own."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import httpx2
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter

from api.app import create_app
from api.dependencies import Backend
from api.orders.place_order import order_id_for
from console.dependencies import with_console
from console.mount import install
from console.settings import Settings
from contracts.names import Queue, workflow_id
from contracts.orders import Order, OrderStatus
from contracts.workflow_io import OrderOutcome
from infrastructure.settings import DatabaseSettings, ProviderSettings
from local_stack.programs import program
from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import Runner, running
from local_stack.supervision.readiness import answers
from local_stack.temporal import search_attributes
from local_stack.temporal import server as temporal
from saga.participant.activity_errors import ServiceErrors
from services.composition import Services, open_services
from services.event.wiring import open_webhooks
from tests.support.gates import Gate, Gates
from tests.support.ports import free_port, free_ports
from tests.support.tokens import OPERATOR, bearer, verifier
from workers.registration import workers_for
from workflows.place_order import PlaceOrder

PROVIDER_KEY = "sk_test_of_the_tests"
PAUSABLE = "frontend.WorkflowPauseEnabled=true"  # off by default, and on where it is offered
SETTLE = 60
AT_A_GATE = 40  # attempts of a worker at once: those that tests hold at gates, and others
MANY_AT_ONCE = {
    "max_concurrent_activities": AT_A_GATE,
    "max_concurrent_local_activities": AT_A_GATE,
}


@dataclass
class Provider:
    """The sandbox provider, and what it says of the money."""

    url: str
    runner: Runner
    database: Path
    http: httpx2.AsyncClient

    async def fetch_moved(self, order_id: str) -> tuple[int, int]:
        """(captured, refunded) minor units of an order; the ledger must balance."""
        ledger = (await self.http.get("/ledger", params={"order": order_id})).json()
        assert ledger["balanced"]
        return sum(ledger["captured"].values()), sum(ledger["refunded"].values())


@dataclass
class World:
    """Everything a saga test needs."""

    client: Client
    address: str
    temporal: Runner
    databases: DatabaseSettings
    services: Services
    provider: Provider
    gates: Gates
    apis: dict[bool, httpx2.AsyncClient]
    fast_path: bool = True
    placed: int = 0

    @property
    def http(self) -> httpx2.AsyncClient:
        """The API, whose sagas take the fast path if `fast_path` says so."""
        return self.apis[self.fast_path]

    async def user(self, *, active: bool = True) -> str:
        """A new customer."""
        body = {"name": "Test", "email": "test@example.com"}
        user_id: str = (await self.http.post("/v1/users", json=body)).json()["id"]
        if not active:
            await self.http.post(f"/v1/users/{user_id}/deactivate")
        return user_id

    async def product(self, *, stock: int = 100, minor: int = 500, currency: str = "EUR") -> str:
        """A new product."""
        price = {"minor": minor, "currency": currency}
        sku = f"SKU-{uuid4().hex[:12]}"
        body = {"sku": sku, "name": "Thing", "price": price, "stock": stock}
        (await self.http.post("/v1/products", json=body)).raise_for_status()
        return sku

    async def stock(self, sku: str) -> tuple[int, int, int]:
        """(available, reserved, sold); conserved."""
        product = await self.services.inventory.get_product(sku)
        assert product.available + product.reserved + product.sold == product.stocked
        return product.available, product.reserved, product.sold

    def next_order_id(self) -> str:
        """The id of the order that `place` places next."""
        return order_id_for(OPERATOR, f"test-{self.placed + 1}")

    async def place(
        self, sku: str, *, user: str | None = None, method: str = "pm_card_visa", quantity: int = 2
    ) -> str:
        """Place an order by REST; its id."""
        self.placed += 1
        body = {
            "customer_id": user or await self.user(),
            "items": [{"sku": sku, "quantity": quantity}],
            "payment_method": method,
        }
        key = {"Idempotency-Key": f"test-{self.placed}"}
        answer = await self.post("/v1/orders", json=body, headers=key)
        assert answer.status_code == 202, answer.text
        order_id: str = answer.json()["id"]
        return order_id

    async def post(self, path: str, **request: Any) -> httpx2.Response:
        """The answer to a request that may be repeated, as "try again" is no answer yet.

        A busy machine makes Temporal or a database slower than the API waits for them.
        """
        async with asyncio.timeout(SETTLE):
            while True:
                answer = await self.http.post(path, **request)
                if answer.status_code != 503:
                    return answer
                await asyncio.sleep(int(answer.headers["Retry-After"]))

    async def stopped_at(
        self, activity: str, moment: str, method: str = "pm_card_visa"
    ) -> tuple[str, str, Gate]:
        """An order whose saga stands at this point: (order id, SKU, gate)."""
        sku = await self.product()
        user = await self.user()
        order_id = self.next_order_id()
        gate = self.gates.close(workflow_id(order_id), activity, moment)
        assert await self.place(sku, user=user, method=method) == order_id
        await gate.wait_reached()
        return order_id, sku, gate

    def handle(self, order_id: str) -> WorkflowHandle[PlaceOrder, OrderOutcome]:
        """The order's workflow."""
        return self.client.get_workflow_handle_for(PlaceOrder.run, workflow_id(order_id))

    async def order(self, order_id: str) -> Order:
        """The order as recorded."""
        return await self.services.orders.get(order_id)

    async def sagas_end(self, order_id: str) -> None:
        """Wait for the workflow's end, however it ends."""
        async with asyncio.timeout(SETTLE):
            with contextlib.suppress(WorkflowFailureError):  # of a workflow that ended as Canceled
                await self.handle(order_id).result()

    async def settled(self, order_id: str, sku: str, status: str) -> Order:
        """Wait for the workflow's end; the order must be true to its status, down to the money.

        Expects that the order is the product's only one.
        """
        await self.sagas_end(order_id)
        order = await self.order(order_id)
        assert order.status == status, order
        await self.check_conserved(order, sku)
        return order

    async def check_conserved(self, order: Order, sku: str) -> None:
        """Stock and money are where the order's status says."""
        quantity = sum(item.quantity for item in order.items)
        product = await self.services.inventory.get_product(sku)
        captured, refunded = await self.provider.fetch_moved(order.id)
        if order.status == OrderStatus.CONFIRMED:
            assert await self.stock(sku) == (product.stocked - quantity, 0, quantity)
            assert (captured, refunded) == (order.total.minor, 0)
        else:
            assert await self.stock(sku) == (product.stocked, 0, 0)
            assert captured == refunded
            assert captured in {0, order.total.minor}

    async def authenticate(self, order_id: str, outcome: str = "succeed") -> str:
        """The order's customer does so at the provider, or fails; how the intent stands then."""
        intent_id = (await self.services.payments.for_order(order_id)).intent_id
        form = {"outcome": outcome}
        answer = await self.provider.http.post(
            f"/payment_intents/{intent_id}/authenticate", data=form
        )
        return str(answer.raise_for_status().json()["status"])

    async def rest(self, path: str) -> Any:
        """What GET answers."""
        return (await self.http.get(path)).raise_for_status().json()

    async def rest_items(self, path: str) -> list[Any]:
        """What is in the list that GET answers."""
        found: list[Any] = (await self.rest(path))["items"]
        return found


@asynccontextmanager
async def running_provider(directory: Path) -> AsyncIterator[Provider]:
    """The sandbox provider as a process of its own."""
    port = free_port()
    database = directory / "sandbox.db"
    place = ("--port", str(port), "--database", str(database))
    child = Child(
        name="provider",
        argv=program("saga-sandbox", *place),
        env={"SANDBOX_KEY": PROVIDER_KEY, "PYTHONPATH": ":".join(sys.path)},
        ready=answers("127.0.0.1", port, "/health"),
    )
    client = httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {PROVIDER_KEY}"},
        limits=httpx2.Limits(max_keepalive_connections=0),  # tests start it again
    )
    async with running(child, directory / "provider.log") as runner, client as http:
        yield Provider(f"http://127.0.0.1:{port}", runner, database, http)


@asynccontextmanager
async def running_temporal(directory: Path) -> AsyncIterator[tuple[str, Runner]]:
    """The Temporal dev server with our search attributes: its address, and its runner."""
    port, ui_port = free_ports(2)
    env = {"HOME": str(directory)}
    plain = temporal.server(port, ui_port, directory / "temporal.db", env, durable=False)
    child = replace(plain, argv=(*plain.argv, "--dynamic-config-value", PAUSABLE))
    async with running(child, directory / "temporal.log") as runner:
        address = f"127.0.0.1:{port}"
        with patch.dict(os.environ, {"TEMPORAL_ADDRESS": address}):
            await search_attributes.register(await search_attributes.connect())
        yield address, runner


@asynccontextmanager
async def running_world(
    directory: Path,
    databases: DatabaseSettings,
    converter: DataConverter = pydantic_data_converter,
    wrapped: Callable[[Services], Services] = lambda it: it,
    *,
    separate: bool = False,
    provider: Provider | None = None,
    like_production: bool = False,
) -> AsyncIterator[World]:
    """Start everything; stop it at the end. Payloads go through `converter`.

    `wrapped` may put something of the test's own before the services. `separate`: the API's client
    has no workers, which would begin the orders that it accepts. `provider`: one that runs already.
    `like_production`: workers take no more attempts at once than ours do.
    """
    async with AsyncExitStack() as stack:
        if provider is None:
            provider = await stack.enter_async_context(running_provider(directory))
        address, server = await stack.enter_async_context(running_temporal(directory))
        client = await Client.connect(address, data_converter=converter)
        settings = ProviderSettings(
            payment_provider_url=provider.url,
            payment_provider_key=SecretStr(PROVIDER_KEY),
            payment_return_url="https://shop.example/orders/{order_id}",
        )
        services = wrapped(await stack.enter_async_context(open_services(databases, settings)))
        webhooks = await stack.enter_async_context(open_webhooks(databases.event_database_url))
        gates = Gates()
        for worker in workers_for(
            client,
            Queue,
            services,
            interceptors=[gates, ServiceErrors()],
            **({} if like_production else MANY_AT_ONCE),
        ):
            await stack.enter_async_context(worker)
        own = await Client.connect(address, data_converter=converter) if separate else client
        apis = {
            fast: await stack.enter_async_context(
                running_api(
                    own,
                    services,
                    fast_path=fast,
                    webhooks=webhooks,
                    event_database_url=databases.event_database_url,
                )
            )
            for fast in (True, False)
        }
        yield World(client, address, server, databases, services, provider, gates, apis)


def api_app(
    client: Client,
    services: Services,
    console: Settings | None = None,
    *,
    event_database_url: str | None = None,
    **options: Any,
) -> FastAPI:
    """The API and the console over these parts; other options are `Backend.of`'s."""

    @asynccontextmanager
    async def open_backend() -> AsyncIterator[Backend]:
        yield Backend.of(client, services, verifier(), "http://127.0.0.1:8233", **options)

    extended = with_console(open_backend, console or Settings(), event_database_url)
    return create_app(extended, install)


@asynccontextmanager
async def running_api(
    client: Client, services: Services, **options: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    """The API in this process, spoken to without a socket."""
    app = api_app(client, services, **options)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://api", headers=bearer()) as http,
    ):
        yield http
