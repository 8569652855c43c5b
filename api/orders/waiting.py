"""How long a request waits for an order: until it has ended, or its customer has to act."""

import asyncio
from contextlib import suppress

from api.orders.live_events import EventBroadcaster
from api.temporal.saga_gateway import OrderSagas
from contracts.orders import ACTION_REQUIRED
from saga.participant import Unavailable

QUICK = 0.3  # seconds in which most sagas end; so they cost no look at their orders' events


async def wait_until_settled(
    order_id: str, sagas: OrderSagas, broadcaster: EventBroadcaster
) -> None:
    """Return when its saga has ended, or waits for the customer; nobody but the caller bounds it.

    Raises what Temporal does if it cannot be asked.
    """
    closed = asyncio.create_task(sagas.wait_until_closed(order_id))
    asked = asyncio.create_task(_wait_for_action(order_id, broadcaster))
    try:
        ended, _ = await asyncio.wait({closed, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        closed.cancel()
        asked.cancel()
        await asyncio.gather(closed, asked, return_exceptions=True)


async def _wait_for_action(order_id: str, broadcaster: EventBroadcaster) -> None:
    await asyncio.sleep(QUICK)
    with suppress(Unavailable):
        async for events in broadcaster.subscribe_to_order(order_id, 0):
            if any(event.type == ACTION_REQUIRED for event in events):
                return
    await asyncio.Event().wait()  # nobody tells of it: the end of the saga is left
