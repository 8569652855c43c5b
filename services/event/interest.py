"""Which events webhooks are for, asked for many events at once; and how long events may gather.

Nearly all events are for nobody, and nobody waits for a webhook within milliseconds. So the bus is
looked at seldom, and one statement answers for all that is read then. It is asked each time, after
the events were read: a webhook that is registered before an event is published gets it.
"""

import asyncio
from collections.abc import Collection, Sequence

from sqlalchemy import String, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.events.cloudevents import CloudEvent
from contracts.webhooks import WebhookEvent
from infrastructure.postgres.database import Database
from services.event.tables import hooks

WHILE_SOME, WHILE_NONE = 0.5, 2.0  # seconds: there are webhooks, or none at all
webhooks = hooks.webhooks
ENABLED = webhooks.c.disabled_reason.is_(None)
_PAIRS = func.jsonb_agg(func.jsonb_build_array(webhooks.c.customer_id, webhooks.c.event_types))
FOUND = select(
    select(_PAIRS)
    .where(ENABLED, webhooks.c.customer_id == func.any(bindparam("customers", type_=ARRAY(String))))
    .scalar_subquery()
    .label("wanting"),
    exists().where(ENABLED).label("some"),
)


class WebhookInterest:
    """Implements `infrastructure.messaging.bus.Interest`. Raises Unavailable like any statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._some = True  # whether there were webhooks when we last asked

    async def gather(self) -> None:
        """Wait a moment, or longer while nobody has a webhook."""
        await asyncio.sleep(WHILE_SOME if self._some else WHILE_NONE)

    async def select(self, events: Sequence[CloudEvent]) -> Collection[str]:
        """The ids of those that a webhook is for."""
        possible = [event for event in events if event.type in set(WebhookEvent)]
        customers = {str(event.data.get("customer_id")) for event in possible}
        async with self._database.statement() as tx:
            row = (await tx.execute(FOUND, {"customers": sorted(customers)})).one()
        self._some = row.some
        wanting = {
            (customer, kind) for customer, kinds in row.wanting or () for kind in kinds or [""]
        }
        return {event.id for event in possible if _keys(event) & wanting}


def _keys(event: CloudEvent) -> set[tuple[str, str]]:
    """What a webhook for it is registered by: its customer, and its type or all types."""
    customer = str(event.data.get("customer_id"))
    return {(customer, event.type), (customer, "")}
