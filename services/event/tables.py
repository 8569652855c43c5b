"""The event database: the bus, where it is on PostgreSQL, and the inbox of our own consumers."""

from sqlalchemy import MetaData

from infrastructure.inbox import inbox_tables
from infrastructure.postgres_bus import bus_tables

metadata = MetaData()

bus = bus_tables(metadata)
inbox = inbox_tables(metadata)
