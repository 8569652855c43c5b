"""Whose outboxes there are, and a relay for each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic_settings import BaseSettings

from infrastructure.bus import Bus
from infrastructure.database import Database
from infrastructure.notices import Notices
from infrastructure.outbox import CHANNEL, OutboxTables
from infrastructure.relay import Relay
from infrastructure.settings import DatabaseUrl
from services.inventory import tables as inventory
from services.order import tables as order
from services.payment import tables as payment
from services.user import tables as user

OUTBOXES: Mapping[str, OutboxTables] = {
    "user": OutboxTables(user.outbox, user.set_aside),
    "order": OutboxTables(order.outbox, order.set_aside),
    "inventory": OutboxTables(inventory.outbox, inventory.set_aside),
    "payment": OutboxTables(payment.outbox, payment.set_aside),
}


class OutboxSettings(BaseSettings):
    """USER_DATABASE_URL and so on: those that are set are served."""

    user_database_url: DatabaseUrl | None = None
    order_database_url: DatabaseUrl | None = None
    inventory_database_url: DatabaseUrl | None = None
    payment_database_url: DatabaseUrl | None = None

    def urls(self) -> dict[str, str]:
        """By service. ValueError if there is none."""
        found = {service: getattr(self, f"{service}_database_url") for service in OUTBOXES}
        urls = {service: url for service, url in found.items() if url}
        if not urls:
            raise ValueError("set the database URL of one service or more, as ORDER_DATABASE_URL")
        return urls


@asynccontextmanager
async def open_relays(urls: Mapping[str, str], bus: Bus) -> AsyncIterator[list[Relay]]:
    """A relay for each of these databases, listening to its notices."""
    async with AsyncExitStack() as stack:
        relays = []
        for service, url in urls.items():
            database = Database(url, pool_size=2)
            stack.push_async_callback(database.close)
            notices = await stack.enter_async_context(Notices(url, CHANNEL).listening())
            relays.append(Relay(service, database, OUTBOXES[service], bus, notices))
        yield relays
