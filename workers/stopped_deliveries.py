"""Finds deliveries of webhooks that nothing works on any more, though they are to be tried.

Their workflow was terminated, or Temporal has lost it. One that Temporal does not know is begun
again. One that was ended by somebody's hand is dead: it shows in the list of dead deliveries, in
the metrics, and may be sent again by whoever owns it.
"""

import asyncio
import logging

from temporalio.client import Client

from activities.delivery_runs import RunState, run_of
from contracts.webhooks import Delivery, DeliveryRun, DeliveryState
from infrastructure.cancellation import not_cancelled
from infrastructure.telemetry.metrics import counter
from saga.participant import Unavailable
from services.event.pending import PendingDeliveries
from workers.webhook_starter import start_delivery

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds


async def watch_deliveries(client: Client, pending: PendingDeliveries) -> None:
    """Look at all that are pending, a page at a time, until cancelled."""
    after = ""
    _count_stopped(0)  # so that it can be read before the first
    while not_cancelled():
        try:
            after = await look(client, pending, after)
        except Unavailable as error:
            log.warning("deliveries are not looked at: %s", error)
        except Exception:  # a bug must not end the process that sends
            log.exception("deliveries are not looked at")
        await asyncio.sleep(EVERY)


async def look(client: Client, pending: PendingDeliveries, after: str = "") -> str:
    """Look at the next page; behind which delivery to go on, "" for the first page."""
    page = await pending.page(after)
    for delivery in page:
        try:
            await _settle(client, pending, delivery)
        except Unavailable:
            raise
        except Exception:  # one that cannot be settled hides no other
            log.exception("delivery %s cannot be looked at", delivery.id)
    return page[-1].id if page else ""


async def _settle(client: Client, pending: PendingDeliveries, delivery: Delivery) -> None:
    run = DeliveryRun(delivery_id=delivery.id, run=delivery.run)
    found = await run_of(client, run)
    if found.state is RunState.MISSING:
        log.warning("delivery %s has no workflow: it is begun again", delivery.id)
        await start_delivery(client, run)
    if found.state is not RunState.ENDED:
        return
    state = found.result if found.result is not None else DeliveryState.DEAD
    if state is DeliveryState.PENDING:
        state = DeliveryState.DEAD
    error = f"its workflow ended ({found.word}) before it was delivered"
    if await pending.end(delivery, state, None if state is DeliveryState.DELIVERED else error):
        log.error("delivery %s was %s: %s", delivery.id, state, error)
        _count_stopped(1)


def _count_stopped(deliveries: int) -> None:
    counter("saga_webhooks_stopped", "Deliveries whose workflow was ended by hand").add(deliveries)
