"""Webhooks and their deliveries, in the event database: a delivery is the effect of an inbox."""

from typing import NamedTuple

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY


class WebhookTables(NamedTuple):
    """Where customers want events sent, and each event that is sent."""

    webhooks: Table
    deliveries: Table


def webhook_tables(metadata: MetaData) -> WebhookTables:
    """The tables `webhooks` and `deliveries`."""
    webhooks = Table(
        "webhooks",
        metadata,
        Column("id", Text, primary_key=True),
        Column("customer_id", Text, nullable=False),
        Column("url", Text, nullable=False),
        Column("event_types", ARRAY(Text), nullable=False),
        Column("secret", Text, nullable=False),
        Column("old_secret", Text),
        Column("old_secret_until", DateTime(timezone=True)),
        Column("disabled_reason", Text),  # it is enabled while there is none
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("webhooks_of_customer", "customer_id", "created_at"),
    )
    deliveries = Table(
        "deliveries",
        metadata,
        Column("id", Text, primary_key=True),
        Column("webhook_id", Text, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
        Column("event_id", Text, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("order_id", Text, nullable=False),
        Column("body", Text, nullable=False),  # as it is signed, to the byte
        Column("state", Text, nullable=False, server_default="pending"),
        Column("run", Integer, nullable=False, server_default="1"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("last_status", Integer),
        Column("last_error", Text),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("attempted_at", DateTime(timezone=True)),
        Column("ended_at", DateTime(timezone=True)),
        Index("deliveries_of_webhook", "webhook_id", "created_at"),
        Index("deliveries_of_event", "event_id"),
        Index("deliveries_ended", "ended_at"),
    )
    return WebhookTables(webhooks, deliveries)
