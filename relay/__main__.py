"""`saga-relay`: relays events until it is told to stop (SIGTERM, SIGINT).

It serves the outbox of each service whose database URL is set.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine

from infrastructure.http.health_server import serving_health
from infrastructure.settings import EventSettings
from infrastructure.telemetry.setup import telemetry_of
from relay.lag import watch_lag
from relay.relays import OutboxSettings, open_relays
from relay.retention import keep_house
from services.event.wiring import open_bus

log = logging.getLogger("relay")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="saga-relay", description=__doc__)
    parser.add_argument("--health-port", type=int, help="serve /health/live and /health/ready")
    parser.add_argument(
        "--observed-from", default="127.0.0.1", help="health listens on this address"
    )
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Open everything, and work until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ready = asyncio.Event()
    settings, outboxes = EventSettings(), OutboxSettings().databases()
    event_url = settings.event_database_url
    async with contextlib.AsyncExitStack() as stack:
        if options.health_port:
            health = serving_health(options.health_port, ready.is_set, options.observed_from)
            await stack.enter_async_context(health)
        bus = await stack.enter_async_context(open_bus(settings))
        relays = await stack.enter_async_context(open_relays(outboxes, bus))
        ready.set()
        log.info("relaying for %s", ", ".join(outboxes))
        works = [relay.run() for relay in relays] + [
            watch_lag(outboxes, event_url, bus, on_postgres=settings.event_bus_url is None),
            keep_house(outboxes, event_url, bus),
        ]
        await _until(stop, *works)


async def _until(stop: asyncio.Event, *works: Coroutine[None, None, None]) -> None:
    """Do these side by side until told to stop, or until one fails, which is raised."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(work) for work in works]
        await stop.wait()
        for task in running:
            task.cancel()


def main() -> None:
    """Entry point."""
    options = arguments()
    with telemetry_of("relay"):
        asyncio.run(run(options))


if __name__ == "__main__":
    main()
