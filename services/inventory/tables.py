"""The inventory database."""

from sqlalchemy import BigInteger, CheckConstraint, Column, MetaData, Table, Text

from infrastructure.messaging.outbox import outbox_table, set_aside_table
from saga.participant.barrier_table import barrier_table

metadata = MetaData()

products = Table(
    "products",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("stocked", BigInteger, nullable=False),
    Column("available", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("sold", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("available >= 0 AND reserved >= 0 AND sold >= 0", name="products_not_negative"),
    CheckConstraint("available + reserved + sold = stocked", name="products_conserved"),
)

barrier = barrier_table(metadata)
outbox = outbox_table(metadata)
set_aside = set_aside_table(metadata)
