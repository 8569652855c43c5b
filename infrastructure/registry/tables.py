"""The registry's table, in a database of its own."""

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, func

metadata = MetaData()

instances = Table(
    "instances",
    metadata,
    Column("service", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("until", DateTime(timezone=True), nullable=False),
)
