"""The statements on `payments`. The caller's transaction holds the step's claim."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, RowMapping, Update, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Rejected
from contracts.message import Money, StepKey
from contracts.payments import ChargePayment, Payment, PaymentStatus
from services.payment.tables import payments


class Found(NamedTuple):
    """A row: the payment, and the step that owns it."""

    payment: Payment
    owner: StepKey


async def begin(tx: AsyncConnection, key: StepKey, command: ChargePayment) -> Payment:
    """The payment of this step, made if absent.

    Rejected `order_has_payment` if the order has another one: by another step, or of another
    amount or method.
    """
    fixed = {
        "order_id": command.order_id,
        "saga_id": key.saga_id,
        "step": key.step,
        "amount_minor": command.amount.minor,
        "currency": command.amount.currency,
        "payment_method": command.payment_method,
    }
    unchanged = {"updated_at": payments.c.updated_at}
    statement = (
        insert(payments)
        .values(fixed)
        .on_conflict_do_update(index_elements=["order_id"], set_=unchanged)
        .returning(*payments.c)
    )
    row = (await tx.execute(statement)).mappings().one()
    if any(row[name] != value for name, value in fixed.items()):
        raise Rejected("order_has_payment", f"order {command.order_id} has another payment")
    return _payment(row)


async def find(tx: AsyncConnection, order_id: str) -> Found | None:
    """The payment of an order, if one was begun."""
    statement = select(payments).where(payments.c.order_id == order_id)
    row = (await tx.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    return Found(_payment(row), StepKey(saga_id=row["saga_id"], step=row["step"]))


async def totals(tx: AsyncConnection, status: PaymentStatus) -> list[Money]:
    """What the payments in this status amount to, by currency."""
    total = func.sum(payments.c.amount_minor).label("minor")
    statement = select(total, payments.c.currency).where(payments.c.status == status)
    rows = await tx.execute(statement.group_by(payments.c.currency).order_by(payments.c.currency))
    return [Money(minor=int(row.minor), currency=row.currency) for row in rows]


async def attach_intent(tx: AsyncConnection, order_id: str, intent_id: str) -> str:
    """Store the intent's id, once: money may move only through the intent that is returned."""
    first = func.coalesce(payments.c.intent_id, intent_id)
    statement = _change(order_id, intent_id=first).returning(payments.c.intent_id)
    return str((await tx.execute(statement)).scalar_one())


async def attach_refund_key(tx: AsyncConnection, order_id: str, refund_key: str) -> None:
    """Store the key of the refund that is going to be asked for."""
    await tx.execute(_change(order_id, refund_key=refund_key))


async def close(
    tx: AsyncConnection,
    order_id: str,
    status: PaymentStatus,
    *,
    refund_id: str | None = None,
    detail: str | None = None,
) -> Payment:
    """Write how the payment ended; a detail that is there stays, if there is no new one."""
    statement = _change(
        order_id,
        status=status,
        refund_id=refund_id,
        detail=func.coalesce(detail, payments.c.detail),
    )
    return _payment((await tx.execute(statement.returning(*payments.c))).mappings().one())


def _change(order_id: str, **values: str | ColumnElement[str] | None) -> Update:
    changed = {**values, "updated_at": func.now()}
    return update(payments).where(payments.c.order_id == order_id).values(changed)


def _payment(row: RowMapping) -> Payment:
    amount = Money(minor=row["amount_minor"], currency=row["currency"])
    return Payment(amount=amount, **row)
