"""The order database: events are the truth, `orders` is the read model of them."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from infrastructure.eventstore.epochs import epochs_table
from infrastructure.eventstore.snapshots import snapshots_table
from infrastructure.eventstore.table import events_table
from infrastructure.messaging.outbox import outbox_table, set_aside_table
from infrastructure.postgres.installation import installation_table
from saga.participant.barrier_table import barrier_table

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("items", JSONB, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", JSONB(none_as_null=True)),
    Column("version", Integer, nullable=False),
    Column("settled_by_hand", JSONB, nullable=False, server_default=text("'[]'")),
    Column("next_action", JSONB(none_as_null=True)),
    Column("fingerprint", Text),
    Column("accepted_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("total_minor >= 0", name="orders_total_not_negative"),
    Index("orders_newest", "created_at", "id"),
    Index("orders_by_status", "status", "created_at", "id"),
    Index("orders_by_customer", "customer_id", "created_at", "id"),
)

events = events_table(metadata)
epochs = epochs_table(metadata)
# What operators said of blocked steps: few among many, and looked at newest first.
Index(
    "events_interventions",
    events.c.recorded_at.desc(),
    postgresql_where=text("type = 'StepUnblocked' AND data ? 'who'"),
)
# All of them: a retry is on record while its step is still blocked. The release before knows the
# index above.
WORDS = "data ? 'who'"
Index("events_words", events.c.recorded_at.desc(), postgresql_where=text(WORDS))
snapshots = snapshots_table(metadata)
barrier = barrier_table(metadata)
outbox = outbox_table(metadata)
set_aside = set_aside_table(metadata)
installation = installation_table(metadata)
