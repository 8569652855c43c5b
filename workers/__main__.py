"""`python -m workers`: runs workers until it is told to stop (SIGTERM, SIGINT)."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from temporalio.client import Client, Plugin

from contracts.names import Queue
from infrastructure.telemetry.breakers import observed
from infrastructure.telemetry.start import telemetry_of
from infrastructure.telemetry.workflows import plugins, replay_safe
from infrastructure.temporal import connect, runtime_with_metrics
from services.composition import breakers_of, open_placed
from services.places import PlaceSettings
from workers import schedules
from workers.health import serving_health
from workers.lint import findings
from workers.queues import worker_for

log = logging.getLogger("workers")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument(
        "--queue",
        action="append",
        type=Queue,
        choices=list(Queue),
        help="a task queue to work on; may be repeated; default: all",
    )
    parser.add_argument("--identity", default=f"worker-{os.getpid()}", help="name on Temporal")
    parser.add_argument("--metrics-port", type=int, help="serve Prometheus metrics on loopback")
    parser.add_argument("--health-port", type=int, help="serve /health/live and /health/ready")
    return parser.parse_args()


async def run(options: argparse.Namespace, traced: Sequence[Plugin]) -> None:
    """Connect, work, and stop gracefully."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ready = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        if options.health_port:
            await stack.enter_async_context(serving_health(options.health_port, ready.is_set))
        client = await _connect_patiently(options, stop, traced)
        if client is None:
            return
        places = PlaceSettings().places()
        breakers = observed(breakers_of(places))
        services = await stack.enter_async_context(
            open_placed(places, options.identity, observe=breakers)
        )
        if Queue.ORDERS in (options.queue or Queue):
            await schedules.ensure(client)
        workers = [worker_for(client, queue, services) for queue in options.queue or Queue]
        running = asyncio.ensure_future(asyncio.gather(*(worker.run() for worker in workers)))
        ready.set()
        log.info("%s works on %s", options.identity, ", ".join(options.queue or Queue))
        stopping = asyncio.ensure_future(stop.wait())
        either: set[asyncio.Future[Any]] = {running, stopping}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        ready.clear()
        await asyncio.gather(*(worker.shutdown() for worker in workers if worker.is_running))
        await running  # raises what ended a worker, if it was not we


async def _connect_patiently(
    options: argparse.Namespace, stop: asyncio.Event, traced: Sequence[Plugin]
) -> Client | None:
    """Connect to Temporal, however long it takes to come up; None if told to stop meanwhile."""
    port = options.metrics_port
    runtime = runtime_with_metrics(f"127.0.0.1:{port}") if port else None
    while not stop.is_set():
        try:
            return await connect(runtime=runtime, identity=options.identity, plugins=traced)
        except RuntimeError as error:
            log.warning("Temporal is not reachable, trying again: %s", error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await stop.wait()
    return None


def main() -> None:
    """Entry point."""
    if wrong := findings():
        sys.exit("\n".join(str(it) for it in wrong))
    options = arguments()
    with telemetry_of(options.identity, replay_safe) as telemetry:
        asyncio.run(run(options, plugins(telemetry)))


if __name__ == "__main__":
    main()
