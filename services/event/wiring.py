"""Opens the bus that the settings name; webhooks and sign-in links of the event database."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from contracts.webhooks import WebhookService
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.nats_bus import open_nats_bus
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from infrastructure.settings import EventSettings
from services.event.sign_in_links import SignInLinks
from services.event.tables import bus
from services.event.webhooks import Webhooks


def open_bus(settings: EventSettings) -> AbstractAsyncContextManager[Bus]:
    """NATS where EVENT_BUS_URL says so, else PostgreSQL."""
    if settings.event_bus_url is not None:
        return open_nats_bus(settings.event_bus_url)
    return open_postgres_bus(settings.event_database_url, bus)


@asynccontextmanager
async def open_webhooks(url: str | None) -> AsyncIterator[WebhookService | None]:
    """Webhooks in this database; none without one. It connects when first needed."""
    if url is None:
        yield None
        return
    database = Database(url, pool_size=3)
    try:
        yield Webhooks(database)
    finally:
        await database.close()


@asynccontextmanager
async def open_sign_in_links(url: str | None) -> AsyncIterator[SignInLinks | None]:
    """Links of this database; none without one. It connects when first needed."""
    if url is None:
        yield None
        return
    database = Database(url, pool_size=1)
    try:
        yield SignInLinks(database)
    finally:
        await database.close()
