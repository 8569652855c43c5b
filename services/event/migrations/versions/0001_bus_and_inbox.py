"""The bus's log and its readers' positions; inbox, failures and dead letters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def moment(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "bus_events",
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column(
            "transaction_id",
            sa.BigInteger,
            nullable=False,
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
        ),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("again", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("event", JSONB, nullable=False),
        moment("taken_at"),
        sa.PrimaryKeyConstraint("lane", "transaction_id", "position", name="bus_events_pkey"),
        sa.UniqueConstraint("event_id", "again", name="bus_events_once"),
    )
    op.create_table(
        "bus_positions",
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("lane", sa.SmallInteger, primary_key=True),
        sa.Column("transaction_id", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        moment("handled_at"),
    )
    op.create_table(
        "failures",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        moment("failed_at"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("event", JSONB, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        moment("died_at"),
        sa.UniqueConstraint("consumer", "event_id", name="dead_letters_once"),
    )
