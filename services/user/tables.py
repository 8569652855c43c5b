"""The user database. It needs no barrier: validating has no effect."""

from sqlalchemy import Boolean, Column, DateTime, MetaData, Table, Text, func

from infrastructure.outbox import outbox_table

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default="true"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

outbox = outbox_table(metadata)
