"""The tables of all services. To keep the example small they share one database, and one barrier.

A service of its own has a database of its own, with its own tables and its own barrier.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, MetaData, Table, Text

from saga.participant.barrier_table import barrier_table

metadata = MetaData()
barrier = barrier_table(metadata)


def _of_step() -> tuple[Column[str], Column[str]]:
    """What a row is known by: the step of the saga that made it."""
    return Column("saga_id", Text, primary_key=True), Column("step", Text, primary_key=True)


trips = Table(
    "trips",
    metadata,
    Column("trip_id", Text, primary_key=True),
    Column("saga_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)
places = Table(
    "places",
    metadata,
    Column("name", Text, primary_key=True),
    Column("capacity", Integer, nullable=False),
    Column("free", Integer, CheckConstraint("free >= 0"), nullable=False),
)
reservations = Table(
    "reservations",
    metadata,
    *_of_step(),
    Column("name", Text, nullable=False),
    Column("places", Integer, nullable=False),
)
documents = Table(
    "documents",
    metadata,
    *_of_step(),
    Column("kind", Text, nullable=False),
    Column("trip_id", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("valid", Boolean, nullable=False, server_default="true"),
)
accounts = Table(
    "accounts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("balance", Integer, CheckConstraint("balance >= 0"), nullable=False),
)
payments = Table(
    "payments",
    metadata,
    *_of_step(),
    Column("account", Text, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("refunded", Boolean, nullable=False, server_default="false"),
)
mails = Table(
    "mails",
    metadata,
    *_of_step(),
    Column("trip_id", Text, nullable=False),
    Column("email", Text, nullable=False),
)
