"""Whose outboxes there are, and a relay for each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import MetaData

from contracts.names import SERVICES
from infrastructure.messaging.bus import Bus
from infrastructure.messaging.outbox import CHANNEL, OutboxTables, outbox_table, set_aside_table
from infrastructure.messaging.relay import Relay
from infrastructure.postgres.database import Database
from infrastructure.postgres.notify import NotificationListener
from infrastructure.settings import ServiceDatabaseSettings

# Each service has its outbox in a database of its own, and all look alike.
TABLES = OutboxTables(outbox_table(MetaData()), set_aside_table(MetaData()))
OUTBOXES: Mapping[str, OutboxTables] = dict.fromkeys(SERVICES, TABLES)


class OutboxSettings(ServiceDatabaseSettings):
    """USER_DATABASE_URL and so on: those that are set are served."""

    def databases(self) -> dict[str, str]:
        """By service. ValueError if there is none."""
        found = super().databases()
        if not found:
            raise ValueError("set the database URL of one service or more, as ORDER_DATABASE_URL")
        return found


@asynccontextmanager
async def open_relays(urls: Mapping[str, str], bus: Bus) -> AsyncIterator[list[Relay]]:
    """A relay for each of these databases, listening to its notifications."""
    async with AsyncExitStack() as stack:
        relays = []
        for service, url in urls.items():
            database = Database(url, pool_size=2)
            stack.push_async_callback(database.close)
            notifications = await stack.enter_async_context(
                NotificationListener(url, CHANNEL).listening()
            )
            relays.append(Relay(service, database, OUTBOXES[service], bus, notifications))
        yield relays
