"""`saga-webhooks`: sends orders' events to customers' webhooks, until told to stop.

It subscribes to the bus, and works on the deliveries' workflows. It is a process of its own, since
it speaks to addresses that strangers chose: it needs the event database, the bus and Temporal, and
may be kept from everything else.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client, Plugin
from temporalio.worker import Worker

from activities.webhooks import WebhookActivities
from contracts.events.cloudevents import CloudEvent
from contracts.webhooks import QUEUE, DeliveryRun
from infrastructure.cancellation import not_cancelled
from infrastructure.http.health_server import serving_health
from infrastructure.http.ssrf_safe_client import open_public_http
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.inbox import Consumer
from infrastructure.postgres.database import Database
from infrastructure.settings import EventSettings, WebhookSettings
from infrastructure.telemetry.setup import telemetry_of
from infrastructure.telemetry.temporal import plugins, replay_safe
from infrastructure.temporal.client import connect
from infrastructure.temporal.program import run_and_end
from saga.participant.activity_errors import ServiceErrors
from services.event.deliveries import CONSUMER, Deliveries
from services.event.interest import WebhookInterest
from services.event.pending import PendingDeliveries
from services.event.tables import inbox
from services.event.wiring import open_bus
from workers.stopped_deliveries import watch_deliveries
from workers.webhook_starter import start_delivery
from workers.workflow_runner import runner_for
from workflows.deliver_webhook import DeliverWebhook

log = logging.getLogger("webhooks")

AT_ONCE = 100  # requests; one that hangs holds its place for 20 s
CONNECTIONS = 5  # to the database; they are held for a statement or two
GRACEFUL = timedelta(seconds=22)  # longer than a request: what is begun is finished
RETRY_AFTER = 1.0  # seconds


def starting(client: Client, database: Database, deliveries: Deliveries) -> Consumer:
    """What the bus hands events to: first the deliveries are kept, then each is begun.

    Whoever dies in between gets the event again, and begins what is not begun. Each start may take
    its time, so they are asked for side by side, and no transaction is open meanwhile.
    """

    async def begin(event: CloudEvent) -> None:
        found = await deliveries.of_event(event.id)
        runs = (start_delivery(client, DeliveryRun(delivery_id=each)) for each in found)
        outcomes = await asyncio.gather(*runs, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    return Consumer(
        CONSUMER, database, inbox, deliveries.take, wanted=deliveries.is_wanted, then=begin
    )


def worker_of(client: Client, deliveries: Deliveries) -> Worker:
    """The worker of the queue of deliveries."""
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[DeliverWebhook],
        activities=[WebhookActivities(deliveries).attempt],
        interceptors=[ServiceErrors()],
        workflow_runner=runner_for(client.data_converter),
        max_concurrent_activities=AT_ONCE,
        graceful_shutdown_timeout=GRACEFUL,
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="saga-webhooks", description=__doc__)
    parser.add_argument("--health-port", type=int, help="serve /health/live and /health/ready")
    parser.add_argument(
        "--observed-from", default="127.0.0.1", help="health listens on this address"
    )
    return parser.parse_args()


async def run(options: argparse.Namespace, traced: Sequence[Plugin]) -> None:
    """Open everything, and work until told to stop."""
    stop, ready = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    events, settings = EventSettings(), WebhookSettings()
    async with contextlib.AsyncExitStack() as stack:
        if options.health_port:
            health = serving_health(options.health_port, ready.is_set, options.observed_from)
            await stack.enter_async_context(health)
        public = await stack.enter_async_context(open_public_http(settings.allowed))
        database = Database(events.event_database_url, pool_size=CONNECTIONS)
        stack.push_async_callback(database.close)
        bus = await stack.enter_async_context(open_bus(events))
        deliveries = Deliveries(database, public)
        working = asyncio.create_task(_work(bus, database, deliveries, traced, ready))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ready.clear()
        stopping.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working  # raises what ended it, if it was not we


async def _work(
    bus: Bus,
    database: Database,
    deliveries: Deliveries,
    traced: Sequence[Plugin],
    ready: asyncio.Event,
) -> None:
    client = await _connect_patiently(traced)
    async with worker_of(client, deliveries):
        ready.set()
        consumer = starting(client, database, deliveries)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch_deliveries(client, PendingDeliveries(database)))
            interest = WebhookInterest(database)
            await bus.consume(CONSUMER, consumer.deliver, consumer.bury_malformed, interest)


async def _connect_patiently(traced: Sequence[Plugin]) -> Client:
    while not_cancelled():
        try:
            return await connect(identity="webhooks", plugins=traced)
        except RuntimeError as error:
            log.warning("Temporal is not reachable, trying again: %s", error)
        await asyncio.sleep(RETRY_AFTER)
    raise AssertionError  # it is left by a cancel only


def deliver_until_stopped() -> None:
    """Until it is told to stop."""
    options = arguments()
    with telemetry_of("webhooks", replay_safe) as telemetry:
        asyncio.run(run(options, plugins(telemetry)))


def main() -> None:
    """Entry point."""
    run_and_end(deliver_until_stopped)


if __name__ == "__main__":
    main()
