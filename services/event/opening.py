"""Opens the bus that the settings name."""

from contextlib import AbstractAsyncContextManager

from infrastructure.bus import Bus
from infrastructure.nats_bus import open_nats_bus
from infrastructure.postgres_bus import open_postgres_bus
from infrastructure.settings import EventSettings
from services.event.tables import bus


def open_bus(settings: EventSettings) -> AbstractAsyncContextManager[Bus]:
    """NATS where EVENT_BUS_URL says so, else PostgreSQL."""
    if settings.event_bus_url is not None:
        return open_nats_bus(settings.event_bus_url)
    return open_postgres_bus(settings.event_database_url, bus)
