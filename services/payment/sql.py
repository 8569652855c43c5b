"""The statements on `payments`. The caller's transaction holds the step's claim."""

from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Text,
    Update,
    and_,
    bindparam,
    exists,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Money
from contracts.events.integration_events import DomainEvent
from contracts.payments import ChargePayment, Payment, PaymentStatus
from saga.participant import Rejected, State, StepKey
from saga.participant.barrier import Barrier
from saga.participant.barrier_table import claim_begun, claim_first, finish_begun
from saga.participant.clean_action import CleanAction
from saga.participant.driver_statement import Row
from services.payment.provider.idempotency_keys import provider_key
from services.payment.tables import barrier, installation, payments

ITS_INTENT = bindparam("its_intent", type_=Text)
FIRST = ("order_id", "saga_id", "step", "amount_minor", "currency", "payment_method")


class Found(NamedTuple):
    """A row: the payment, and the step that owns it, of which installation if it says so."""

    payment: Payment
    owner: StepKey
    installation: str | None


class Begun(NamedTuple):
    """A payment that is to be charged, and the keys to ask the provider by."""

    payment: Payment
    installation: str | None
    create_key: str
    confirm_key: str


def _beginning(claim: CTE | None = None) -> Insert:
    """Make the payment, whose parameters are `first`'s; not if the claim has no row."""
    values = [bindparam(f"first_{name}", type_=payments.c[name].type) for name in FIRST]
    row = select(*values, select(installation.c.id).scalar_subquery())
    if claim is not None:
        row = row.where(exists().select_from(claim))
    return insert(payments).from_select((*FIRST, "installation"), row)


# Made once, like all statements here. A payment that was there stays, and is answered.
BEGINNING = (
    _beginning()
    .on_conflict_do_update(index_elements=["order_id"], set_={"updated_at": payments.c.updated_at})
    .returning(*payments.c)
)


def begin_cleanly() -> CleanAction[DomainEvent]:
    """Begin the step, and its payment, which nobody has. Answers the payment."""
    none = ~exists().where(payments.c.order_id == bindparam("first_order_id", type_=Text))
    claim = claim_first(barrier, none, state=State.STARTED, reply=null())
    made = _beginning(claim).returning(*payments.c).cte("made")
    return CleanAction(select(made), made)


def attach_cleanly() -> CleanAction[DomainEvent]:
    """Store the intent's id `its_intent` while the step goes on."""
    attached = _change_begun(payments.c.intent_id.is_(None), intent_id=ITS_INTENT)
    return CleanAction(select(attached), attached)


def capture_cleanly(of: Barrier[DomainEvent]) -> CleanAction[DomainEvent]:
    """Write down that the intent `its_intent` has captured, and end the step."""
    row = payments.c
    open_still = (row.status == PaymentStatus.CREATED, row.detail.is_(None))
    captured = _change_begun(
        row.intent_id == ITS_INTENT, *open_still, status=literal(PaymentStatus.CAPTURED.value)
    )
    finished = finish_begun(barrier, captured)
    return of.clean_action(select(finished), finished)


def _change_begun(*where: ColumnElement[bool], **values: ColumnElement[str]) -> CTE:
    """Change the payment `its_order` of a step that has begun."""
    claim = claim_begun(barrier)
    its = (payments.c.order_id == bindparam("its_order", type_=Text), exists().select_from(claim))
    change = update(payments).where(*its, *where).values(**values, updated_at=func.now())
    return change.returning(payments.c.intent_id).cte("changed")


def first(key: StepKey, command: ChargePayment) -> dict[str, Any]:
    """What is fixed of a payment from its beginning, as the parameters of `beginning`."""
    fixed = {
        "order_id": command.order_id,
        "saga_id": key.saga_id,
        "step": key.step,
        "amount_minor": command.amount.minor,
        "currency": command.amount.currency,
        "payment_method": command.payment_method,
    }
    return {f"first_{name}": value for name, value in fixed.items()}


def read_begun(row: Row, key: StepKey, command: ChargePayment) -> Begun:
    """The payment that `beginning` answers, and its keys at the provider.

    Rejected `order_has_payment` if the order has another one: by another step, or of another
    amount or method.
    """
    fixed = first(key, command)
    if any(row[name] != fixed[f"first_{name}"] for name in FIRST):
        raise Rejected("order_has_payment", f"order {command.order_id} has another payment")
    whose = row["installation"]
    return Begun(
        payment=payment_of(row),
        installation=whose,
        create_key=row["create_key"] or provider_key(key, "create", whose),
        confirm_key=row["confirm_key"] or provider_key(key, "confirm", whose),
    )


async def replace_create_key(tx: AsyncConnection, begun: Begun, new: str) -> None:
    """Store another key to make an intent by, if the payment has the old one and no intent yet."""
    key, row = "create_key", payments.c
    no_intent = row.intent_id.is_(None)
    await tx.execute(_moving(begun, key, begun.create_key, new).where(no_intent))


async def replace_confirm_key(tx: AsyncConnection, begun: Begun, new: str) -> None:
    """Store another key to confirm the intent by, if the payment has the old one still."""
    await tx.execute(_moving(begun, "confirm_key", begun.confirm_key, new))


def _moving(begun: Begun, name: str, old: str, new: str) -> Update:
    """A key that was never stored is the first one, which is all that an attempt can have used."""
    column = payments.c[name]
    return _change(begun.payment.order_id, **{name: new}).where(func.coalesce(column, old) == old)


async def attach_intent(tx: AsyncConnection, order_id: str, intent_id: str) -> str:
    """Store the intent's id, once; the stored one. Money may move only through that intent."""
    stored = func.coalesce(payments.c.intent_id, intent_id)
    found = await tx.execute(_change(order_id, intent_id=stored).returning(payments.c.intent_id))
    return str(found.scalar_one())


async def capture(tx: AsyncConnection, order_id: str) -> Payment:
    """Write down that its money is captured."""
    captured = _change(order_id, status=PaymentStatus.CAPTURED).returning(*payments.c)
    return payment_of((await tx.execute(captured)).mappings().one())


async def attach_refund_key(tx: AsyncConnection, order_id: str, first: str) -> str:
    """Store the key of the refund that is going to be asked for, once; the stored one."""
    key = func.coalesce(payments.c.refund_key, first)
    found = await tx.execute(_change(order_id, refund_key=key).returning(payments.c.refund_key))
    return str(found.scalar_one())


async def replace_refund_key(tx: AsyncConnection, payment: Payment, old: str, new: str) -> None:
    """Store another key of a refund, if it has the old one still, and no later refund is done."""
    row = payments.c
    same = row.refund_id.is_not_distinct_from(payment.refund_id)
    await tx.execute(_change(payment.order_id, refund_key=new).where(row.refund_key == old, same))


async def adopt(
    tx: AsyncConnection, key: StepKey, command: ChargePayment, intent_id: str, whose: str | None
) -> Payment:
    """Write down a capture that was lost; Rejected `not_adoptable` if there is another payment."""
    values = {name.removeprefix("first_"): value for name, value in first(key, command).items()}
    mine = and_(*(payments.c[name] == value for name, value in values.items()))
    open_still = payments.c.status == PaymentStatus.CREATED
    same_intent = func.coalesce(payments.c.intent_id, intent_id) == intent_id
    captured = {"status": PaymentStatus.CAPTURED, "intent_id": intent_id}
    statement = (
        insert(payments)
        .values(**values, **captured, installation=whose)
        .on_conflict_do_update(
            index_elements=["order_id"],
            set_=captured | {"updated_at": func.now()},
            where=and_(mine, open_still, same_intent),
        )
        .returning(*payments.c)
    )
    row = (await tx.execute(statement)).mappings().one_or_none()
    if row is None:
        raise Rejected("not_adoptable", f"order {command.order_id} has another payment")
    return payment_of(row)


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
    return payment_of((await tx.execute(statement.returning(*payments.c))).mappings().one())


def _change(order_id: str, **values: str | ColumnElement[str] | None) -> Update:
    changed = {**values, "updated_at": func.now()}
    return update(payments).where(payments.c.order_id == order_id).values(changed)


def payment_of(row: Row) -> Payment:
    """A row as the service tells of it."""
    amount = Money(minor=row["amount_minor"], currency=row["currency"])
    return Payment(amount=amount, **row)
