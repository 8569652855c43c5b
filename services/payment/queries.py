"""The statements on `payments` that only read."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Money
from contracts.payments import HOLDING_STATUSES, Captured, PaymentStatus
from saga.participant import StepKey
from services.payment.sql import Found, payment_of
from services.payment.tables import installation, payments


async def find(tx: AsyncConnection, order_id: str) -> Found | None:
    """The payment of an order, if one was begun."""
    statement = select(payments).where(payments.c.order_id == order_id)
    row = (await tx.execute(statement)).mappings().one_or_none()
    return None if row is None else _to_found(row)


async def find_captured(tx: AsyncConnection, order_ids: Sequence[str]) -> list[Captured]:
    """What is captured for these orders now, or may be; found by their ids."""
    age = func.extract("epoch", func.now() - payments.c.updated_at).label("seconds")
    row = payments.c
    statement = select(row.order_id, row.amount_minor, row.currency, age).where(
        row.order_id.in_(order_ids),
        row.status.in_(HOLDING_STATUSES),
        row.intent_id.is_not(None),
    )
    return [
        Captured(
            order_id=order.order_id,
            amount=Money(minor=order.amount_minor, currency=order.currency),
            seconds=float(order.seconds),
        )
        for order in await tx.execute(statement)
    ]


async def of_orders(tx: AsyncConnection, order_ids: Sequence[str]) -> dict[str, Found]:
    """The payments of these orders, by their ids."""
    statement = select(payments).where(payments.c.order_id.in_(order_ids))
    return {row["order_id"]: _to_found(row) for row in (await tx.execute(statement)).mappings()}


async def of_intents(tx: AsyncConnection, intent_ids: Sequence[str]) -> dict[str, Found]:
    """The payments through these intents, by the intents' ids."""
    statement = select(payments).where(payments.c.intent_id.in_(intent_ids))
    return {row["intent_id"]: _to_found(row) for row in (await tx.execute(statement)).mappings()}


async def our_installation(tx: AsyncConnection) -> str | None:
    """Our id; None if no charge was ever begun with one."""
    return (await tx.execute(select(installation.c.id))).scalar_one_or_none()


async def totals(tx: AsyncConnection, status: PaymentStatus) -> list[Money]:
    """What the payments in this status amount to, by currency."""
    total = func.sum(payments.c.amount_minor).label("minor")
    statement = select(total, payments.c.currency).where(payments.c.status == status)
    rows = await tx.execute(statement.group_by(payments.c.currency).order_by(payments.c.currency))
    return [Money(minor=int(row.minor), currency=row.currency) for row in rows]


def _to_found(row: RowMapping) -> Found:
    owner = StepKey(saga_id=row["saga_id"], step=row["step"])
    return Found(payment_of(row), owner, row["installation"])
