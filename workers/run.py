"""Workers that run for as long as they are needed, in a process of their own or inside another."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.worker import Worker

from contracts.names import SEARCH_ATTRIBUTES, Queue
from saga.lint import check_search_attributes
from services.composition import Services
from workers.claims import claim_patiently
from workers.registration import workers_for
from workers.workflow_runner import TellingRunner, runner_for

log = logging.getLogger("workers")

RETRY_AFTER = 1.0

Connect = Callable[[], Awaitable[Client]]


async def connect_patiently(connect: Connect) -> Client:
    """Connect to Temporal, however long it takes to come up."""
    while True:
        try:
            return await connect()
        except RuntimeError as error:
            log.warning("Temporal is not reachable, trying again: %s", error)
        await asyncio.sleep(RETRY_AFTER)


async def work(workers: Sequence[Worker]) -> None:
    """Work until cancelled, and finish then what was begun. Raises what ends a worker."""
    running = asyncio.ensure_future(asyncio.gather(*(worker.run() for worker in workers)))
    try:
        await asyncio.wait({running})
    finally:
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        await running


@asynccontextmanager
async def working_inside(
    connect: Connect,
    services: Services,
    joined: Callable[[Client], None],
    failed: Callable[[], None],
    closed: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[None]:
    """Work on all queues beside whatever else this process does, once Temporal is reachable.

    `joined` gets the workers' client: what is started by it begins in this process. `failed` is
    called if a worker cannot go on; the error is raised at the end. `closed` is told the id of each
    workflow that has closed here, from any thread.
    """

    async def join() -> None:
        client = await connect_patiently(connect)
        await claim_patiently(client, services.orders)
        # The API is not ready meanwhile, and says why.
        await check_search_attributes(client, SEARCH_ATTRIBUTES, patience=math.inf)
        runner = TellingRunner(runner_for(client.data_converter), closed)
        workers = workers_for(client, Queue, services, workflow_runner=runner)
        joined(client)
        await work(workers)

    task = asyncio.create_task(join())
    task.add_done_callback(lambda it: None if it.cancelled() else failed())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()):
            raise error
