"""The statements on `payments` that only read."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.message import Money, StepKey
from contracts.payments import Captured, PaymentStatus
from services.payment.rows import Found, payment_of
from services.payment.tables import payments


async def find(tx: AsyncConnection, order_id: str) -> Found | None:
    """The payment of an order, if one was begun."""
    statement = select(payments).where(payments.c.order_id == order_id)
    row = (await tx.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    owner = StepKey(saga_id=row["saga_id"], step=row["step"])
    return Found(payment_of(row), owner, row["installation"])


async def captured(tx: AsyncConnection, order_ids: Sequence[str]) -> list[Captured]:
    """What is captured for these orders now, or may be; found by their ids."""
    age = func.extract("epoch", func.now() - payments.c.updated_at).label("seconds")
    row = payments.c
    statement = select(row.order_id, row.amount_minor, row.currency, age).where(
        row.order_id.in_(order_ids),
        (row.status == PaymentStatus.CAPTURED)
        | ((row.status == PaymentStatus.CREATED) & row.intent_id.is_not(None)),
    )
    return [
        Captured(
            order_id=it.order_id,
            amount=Money(minor=it.amount_minor, currency=it.currency),
            seconds=float(it.seconds),
        )
        for it in await tx.execute(statement)
    ]


async def known_intents(tx: AsyncConnection, intent_ids: Sequence[str]) -> set[str]:
    """Those of these intents through which money of a payment moves."""
    statement = select(payments.c.intent_id).where(payments.c.intent_id.in_(intent_ids))
    return {str(it) for it in (await tx.execute(statement)).scalars()}


async def totals(tx: AsyncConnection, status: PaymentStatus) -> list[Money]:
    """What the payments in this status amount to, by currency."""
    total = func.sum(payments.c.amount_minor).label("minor")
    statement = select(total, payments.c.currency).where(payments.c.status == status)
    rows = await tx.execute(statement.group_by(payments.c.currency).order_by(payments.c.currency))
    return [Money(minor=int(row.minor), currency=row.currency) for row in rows]
