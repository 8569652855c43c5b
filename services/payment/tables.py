"""The payment database: one payment an order."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    MetaData,
    Table,
    Text,
    func,
)

from infrastructure.messaging.outbox import outbox_table, set_aside_table
from infrastructure.postgres.installation import installation_table
from saga.participant.barrier_table import barrier_table

metadata = MetaData()

# `saga_id` and `step` own the payment: the provider's idempotency keys are made of them and of the
# `installation`, which payments of older releases do not have. A key is kept where it moves on.
payments = Table(
    "payments",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("saga_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="created"),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("payment_method", Text, nullable=False),
    Column("intent_id", Text, unique=True),
    Column("installation", Text),
    Column("create_key", Text),
    Column("confirm_key", Text),
    Column("refund_key", Text),
    Column("refund_id", Text, unique=True),
    Column("detail", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("amount_minor > 0", name="payments_amount_positive"),
    CheckConstraint(
        "status IN ('created', 'captured', 'declined', 'voided', 'refunded')",
        name="payments_status_known",
    ),
    CheckConstraint(
        "status NOT IN ('captured', 'refunded') OR intent_id IS NOT NULL",
        name="payments_intent_before_money",
    ),
    CheckConstraint(
        "(refund_id IS NOT NULL) = (status = 'refunded')", name="payments_refunded_by_refund"
    ),
    CheckConstraint(
        "refund_id IS NULL OR refund_key IS NOT NULL", name="payments_key_before_refund"
    ),
)

barrier = barrier_table(metadata)
outbox = outbox_table(metadata)
installation = installation_table(metadata)
set_aside = set_aside_table(metadata)
