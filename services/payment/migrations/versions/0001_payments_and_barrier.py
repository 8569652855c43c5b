"""Payments and barrier."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def now(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("saga_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="created"),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("payment_method", sa.Text, nullable=False),
        sa.Column("intent_id", sa.Text, unique=True),
        sa.Column("refund_key", sa.Text),
        sa.Column("refund_id", sa.Text, unique=True),
        sa.Column("detail", sa.Text),
        now("created_at"),
        now("updated_at"),
        sa.CheckConstraint("amount_minor > 0", name="payments_amount_positive"),
        sa.CheckConstraint(
            "status IN ('created', 'captured', 'declined', 'voided', 'refunded')",
            name="payments_status_known",
        ),
        sa.CheckConstraint(
            "status NOT IN ('captured', 'refunded') OR intent_id IS NOT NULL",
            name="payments_intent_before_money",
        ),
        sa.CheckConstraint(
            "(refund_id IS NOT NULL) = (status = 'refunded')", name="payments_refunded_by_refund"
        ),
        sa.CheckConstraint(
            "refund_id IS NULL OR refund_key IS NOT NULL", name="payments_key_before_refund"
        ),
    )
    op.create_table(
        "barrier",
        sa.Column("saga_id", sa.Text, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("op", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reply", JSONB),
        now("created_at"),
    )
