"""The event database: the bus, where it is on PostgreSQL, our consumers' inbox, and webhooks.

And what the API keeps: links that sign in once.
"""

from sqlalchemy import MetaData

from infrastructure.eventstore.epochs import catch_ups_table, epochs_table
from infrastructure.messaging.bus_tables import bus_tables
from infrastructure.messaging.inbox_tables import inbox_tables
from services.event.sign_in_link_tables import sign_in_links_table
from services.event.webhook_tables import webhook_tables

metadata = MetaData()

bus = bus_tables(metadata)
epochs = epochs_table(metadata)
catch_ups = catch_ups_table(metadata)
inbox = inbox_tables(metadata)
hooks = webhook_tables(metadata)
sign_in_links = sign_in_links_table(metadata)
