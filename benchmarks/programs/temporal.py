"""`python -m benchmarks.programs.temporal`: our saga, and workflows of no-op steps, on Temporal.

Client and workers share the process, as in the product's API. With `--settings default`, the
workers have the settings that the SDK gives them, and a client of their own: sagas that are started
by another one do not begin with the answer to their start. Others are of `settings.SETTINGS`.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from temporalio.client import Client
from temporalio.worker import Worker

from api.temporal.order_memo import OrderMemo
from api.temporal.saga_gateway import OrderSagas
from benchmarks.programs import noops
from benchmarks.programs.serving import Handler, serve
from benchmarks.programs.worker_settings import SETTINGS
from contracts.names import Queue, workflow_id
from contracts.orders import CreateOrder, OrderService, OrderStatus
from infrastructure.settings import DatabaseSettings, ProviderSettings
from infrastructure.temporal.client import connect
from infrastructure.temporal.local_closings import LocalClosings
from saga.participant.activity_errors import ServiceErrors
from services.composition import Services, open_services
from workers.registration import WORKFLOWS, activities_of, worker_for
from workers.workflow_runner import TellingRunner, runner_for

STEPS = 6  # of PlaceOrder, and so of the workflows of no-op steps


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, help="where the harness asks")
    parser.add_argument("--settings", choices=("product", "default", *SETTINGS), default="product")
    return parser.parse_args()


async def main(options: argparse.Namespace) -> None:
    """Work, and serve all kinds of saga."""
    name = f"{options.settings}-{options.port}"
    client = await connect(identity=name)
    apart = options.settings in {"default", "not-eager"}
    starter = await connect(identity=name) if apart else client
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(
            open_services(DatabaseSettings(), ProviderSettings())
        )
        regular, fast = OrderSagas(starter, fast_path=False), OrderSagas(starter, fast_path=True)
        workers = workers_by(options.settings, client, services, regular.closings, fast.closings)
        for worker in (*workers, noop_worker(client)):
            await stack.enter_async_context(worker)
        if not apart:
            regular.start_by(client)
            fast.start_by(client)
        await serve(options.port, handlers(starter, services.orders, regular, fast))


def workers_by(
    settings: str, client: Client, services: Services, *closings: LocalClosings
) -> Iterator[Worker]:
    """The product's own, with what these settings change. They tell of sagas that have closed."""
    if settings == "default":
        return default_workers(client, services)

    def tell(workflow_id: str) -> None:
        for each in closings:
            each.note(workflow_id)

    options: dict[str, Any] = {"workflow_runner": runner_for(client.data_converter)}
    if settings in SETTINGS:
        options |= SETTINGS[settings](client)
    options["workflow_runner"] = TellingRunner(options["workflow_runner"], tell)
    return (worker_for(client, queue, services, **options) for queue in Queue)


def default_workers(client: Client, services: Services) -> Iterator[Worker]:
    """The same work with the SDK's settings."""
    for queue in Queue:
        yield Worker(
            client,
            task_queue=queue,
            workflows=WORKFLOWS.get(queue, ()),
            activities=activities_of(queue, services),
            interceptors=[ServiceErrors()],
        )


def noop_worker(client: Client) -> Worker:
    """With the SDK's settings: there is nothing of ours in it."""
    workflows = [noops.Empty, noops.Regular, noops.Local]
    activities = [noops.nothing]
    return Worker(client, task_queue=noops.QUEUE, workflows=workflows, activities=activities)


def handlers(
    client: Client, orders: OrderService, regular: OrderSagas, fast: OrderSagas
) -> dict[str, Handler]:
    """By kind."""
    return {
        "fast": _place(orders, fast),
        "regular_saga": _place(orders, regular),
        "saga": _place(orders, regular),
        "empty": _noop(client, noops.Empty.run),
        "regular": _noop(client, noops.Regular.run, STEPS),
        "local": _noop(client, noops.Local.run, STEPS),
    }


def _place(orders: OrderService, sagas: OrderSagas) -> Handler:
    """Start the saga, wait until it has ended, and read the order, as the API does."""

    async def place(order: CreateOrder) -> str:
        memo = OrderMemo(order=order, fingerprint="", accepted_at=datetime.now(UTC))
        await sagas.start(memo)
        await sagas.wait_until_closed(order.order_id)
        ended = await orders.get(order.order_id)
        if ended.status is not OrderStatus.CONFIRMED:
            raise RuntimeError(f"{order.order_id} is {ended.status}: {ended.reason}")
        return workflow_id(order.order_id)

    return place


def _noop(client: Client, run: Callable[..., Awaitable[None]], *args: Any) -> Handler:
    arguments: Sequence[Any] = args

    async def once(_: CreateOrder) -> str:
        noop_id = f"noop-{uuid4().hex}"
        await client.execute_workflow(run, args=arguments, id=noop_id, task_queue=noops.QUEUE)
        return noop_id

    return once


if __name__ == "__main__":
    asyncio.run(main(arguments()))
