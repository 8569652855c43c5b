"""Events, their read model, and the barrier."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def now(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("stream_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", JSONB, nullable=False),
        now("recorded_at"),
        sa.UniqueConstraint("stream_id", "version", name="events_stream_version"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("items", JSONB, nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reason", JSONB),
        sa.Column("version", sa.Integer, nullable=False),
        now("created_at"),
        now("updated_at"),
        sa.CheckConstraint("total_minor >= 0", name="orders_total_not_negative"),
    )
    op.create_index("orders_newest", "orders", ["created_at", "id"])
    op.create_index("orders_by_status", "orders", ["status", "created_at", "id"])
    op.create_index("orders_by_customer", "orders", ["customer_id", "created_at", "id"])
    op.create_table(
        "barrier",
        sa.Column("saga_id", sa.Text, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("op", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reply", JSONB),
        now("created_at"),
    )
