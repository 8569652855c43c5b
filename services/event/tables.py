"""The event database: the bus, where it is on PostgreSQL, our consumers' inbox, and webhooks."""

from sqlalchemy import MetaData

from infrastructure.event_epochs import epochs_table
from infrastructure.inbox import inbox_tables
from infrastructure.postgres_bus import bus_tables
from services.event.webhook_tables import webhook_tables

metadata = MetaData()

bus = bus_tables(metadata)
epochs = epochs_table(metadata)
inbox = inbox_tables(metadata)
hooks = webhook_tables(metadata)
