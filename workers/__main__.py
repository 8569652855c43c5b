"""`saga-worker`: runs workers until it is told to stop (SIGTERM, SIGINT)."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from functools import partial

from contracts.names import SEARCH_ATTRIBUTES, Queue
from infrastructure.http.circuit_breaker_metrics import make_observer
from infrastructure.http.health_server import serving_health
from infrastructure.security.key_ring import KeysUnusable
from infrastructure.telemetry.setup import telemetry_of
from infrastructure.telemetry.temporal import plugins, replay_safe
from infrastructure.temporal.client import connect, runtime_of
from infrastructure.temporal.program import run_and_end
from saga.lint import MissingSearchAttributes, check_search_attributes
from services.composition import Services, breakers_of, open_services_at
from services.locations import ServiceLocationSettings
from workers import schedules
from workers.claims import NamespaceMissing, NamespaceTaken, claim_patiently
from workers.deployment_version import VersionSettings
from workers.lint import findings
from workers.registration import workers_for
from workers.run import Connect, connect_patiently, work

log = logging.getLogger("workers")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="saga-worker", description=__doc__)
    parser.add_argument(
        "--queue",
        action="append",
        type=Queue,
        choices=list(Queue),
        help="a task queue to work on; may be repeated; default: all",
    )
    # In containers all have the same process id.
    ours = f"worker-{socket.gethostname()}-{os.getpid()}"
    parser.add_argument("--identity", default=ours, help="name on Temporal")
    parser.add_argument(
        "--metrics-port", type=int, help="serve Prometheus metrics of Temporal's SDK"
    )
    parser.add_argument("--health-port", type=int, help="serve /health/live and /health/ready")
    parser.add_argument(
        "--observed-from", default="127.0.0.1", help="the address that health and metrics listen on"
    )
    return parser.parse_args()


async def run(options: argparse.Namespace, joining: Connect) -> None:
    """Connect, work, and stop gracefully."""
    stop, ready = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        if options.health_port:
            health = serving_health(options.health_port, ready.is_set, options.observed_from)
            await stack.enter_async_context(health)
        locations = ServiceLocationSettings().locations()
        breakers = make_observer(breakers_of(locations))
        services = await stack.enter_async_context(
            open_services_at(locations, options.identity, observe=breakers)
        )
        working = asyncio.create_task(_work(options, services, ready, joining))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ready.clear()
        stopping.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working  # raises what ended a worker, if it was not we


async def _work(
    options: argparse.Namespace, services: Services, ready: asyncio.Event, joining: Connect
) -> None:
    client = await connect_patiently(joining)
    await claim_patiently(client, services.orders)
    queues = options.queue or Queue
    if Queue.ORDERS in queues:
        await check_search_attributes(client, SEARCH_ATTRIBUTES)
        await schedules.ensure(client)
    version = VersionSettings().deployment()
    workers = workers_for(client, queues, services, deployment_config=version)
    ready.set()
    log.info("%s works on %s", options.identity, ", ".join(queues))
    await work(workers)


def work_until_stopped() -> None:
    """Until it is told to stop. SystemExit, with what to do, if this process cannot work."""
    if wrong := findings():
        sys.exit("\n".join(str(finding) for finding in wrong))
    options = arguments()
    with telemetry_of(options.identity, replay_safe) as telemetry:
        runtime = runtime_of(
            options.metrics_port, json_logs=telemetry.json_logs, host=options.observed_from
        )
        traced = plugins(telemetry)
        joining = partial(connect, runtime=runtime, identity=options.identity, plugins=traced)
        try:
            asyncio.run(run(options, joining))
        except (KeysUnusable, MissingSearchAttributes, NamespaceMissing, NamespaceTaken) as error:
            sys.exit(str(error))


def main() -> None:
    """Entry point."""
    run_and_end(work_until_stopped)


if __name__ == "__main__":
    main()
