"""Customers' webhooks, and the deliveries of events to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"


def moment(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True))


def created() -> "sa.Column[object]":
    now = sa.func.now()
    return sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("event_types", ARRAY(sa.Text), nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        moment("old_secret_until"),
        sa.Column("disabled_reason", sa.Text),
        created(),
    )
    op.create_index("webhooks_of_customer", "webhooks", ["customer_id", "created_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "webhook_id", sa.Text, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("run", sa.Integer, nullable=False, server_default="1"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        created(),
        moment("attempted_at"),
        moment("ended_at"),
    )
    op.create_index("deliveries_of_webhook", "deliveries", ["webhook_id", "created_at"])
    op.create_index("deliveries_of_event", "deliveries", ["event_id"])
    op.create_index("deliveries_ended", "deliveries", ["ended_at"])
