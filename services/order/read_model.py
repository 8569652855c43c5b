"""The table `orders`: written in the transaction of the events, read by lists and look-ups."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Text,
    bindparam,
    exists,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine

from contracts.base import Money
from contracts.opaque import moment, name, seal, unseal
from contracts.orders import AcceptedOrder, Order, OrderFilter, OrderPage, OrderStatus
from saga.participant import NotFound
from saga.participant.barrier_table import ITS_REPLY
from saga.participant.driver_statement import Row
from services.order.aggregate import OrderAggregate
from services.order.tables import orders

CHANGING = ("status", "reason", "version", "settled_by_hand", "next_action")
ISO = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
FIXED = ("id", "customer_id", "items", "total_minor", "currency", "fingerprint", "accepted_at")


def saving(*returning: ColumnElement[Any], granted: CTE | None = None) -> ReturningInsert[Any]:
    """The statement that writes an order's state over its row, or makes the row; made once.

    It answers the row, and `returning`. With `granted`, it does so if that has a row.
    """
    new = {key: bindparam(f"new_{key}", type_=_type(key)) for key in (*FIXED, *CHANGING)}
    now = func.clock_timestamp() if granted is None else func.now()
    changed: dict[str, Any] = {key: new[key] for key in CHANGING} | {"updated_at": now}
    created_at = _created_at(new["accepted_at"])
    row = select(*new.values(), created_at)
    if granted is not None:
        row = row.where(exists().select_from(granted))
    return (
        insert(orders)
        .from_select([*new, "created_at"], row)
        .on_conflict_do_update(index_elements=["id"], set_=changed)
        .returning(*orders.c, *returning)
    )


def reply_to_be() -> ColumnElement[Any]:
    """The order that `saving` is going to answer, as the reply that a barrier stores.

    Its times are known to the database: `saving` with `granted` makes them these.
    """
    its = select(orders.c.created_at).where(orders.c.id == bindparam("new_id", type_=Text))
    accepted_at = bindparam("new_accepted_at", type_=_type("accepted_at"))
    created_at = func.coalesce(its.scalar_subquery(), _created_at(accepted_at))
    times = func.jsonb_build_object("created_at", _iso(created_at), "updated_at", _iso(func.now()))
    return ITS_REPLY.concat(times)


def reply_without_times(order: OrderAggregate) -> dict[str, Any]:
    """The rest of `reply_to_be`."""
    row = columns_of(order)
    if not row["settled_by_hand"]:
        del row["settled_by_hand"]  # as the message leaves it out
    if row["next_action"] is None:
        del row["next_action"]
    total = {"minor": row["total_minor"], "currency": row["currency"]}
    return {name: row[name] for name in Order.model_fields if name in row} | {"total": total}


def _created_at(accepted_at: ColumnElement[Any]) -> ColumnElement[Any]:
    """The moment that its caller was told; of an order that nobody accepted, that of its record."""
    return func.coalesce(accepted_at, func.now())


def _iso(moment: ColumnElement[Any]) -> ColumnElement[str]:
    return func.to_char(func.timezone("UTC", moment), ISO)


def state(order: OrderAggregate) -> dict[str, Any]:
    """The parameters of `saving`. ValueError if the order was never placed."""
    if order.total is None:
        raise ValueError(f"order {order.id} was never placed")
    return {
        "new_id": order.id,
        "new_customer_id": order.customer_id,
        "new_items": [item.model_dump() for item in order.items],
        "new_total_minor": order.total.minor,
        "new_currency": order.total.currency,
        "new_fingerprint": order.fingerprint,
        "new_accepted_at": order.accepted_at,
        "new_status": order.status,
        "new_reason": order.reason.model_dump() if order.reason else None,
        "new_version": order.version,
        "new_settled_by_hand": [settled.model_dump() for settled in order.settled_by_hand],
        "new_next_action": order.next_action and order.next_action.model_dump(mode="json"),
    }


def columns_of(order: OrderAggregate) -> dict[str, Any]:
    """The row of an order, but for the moments at which it was written."""
    return {name.removeprefix("new_"): value for name, value in state(order).items()}


def read_found(row: Row) -> Order:
    """The order that `saving` or `reading` answers."""
    return _to_order(row)


def _type(name: str) -> TypeEngine[Any]:
    """None is SQL's NULL in JSON columns too."""
    maybe = name in {"reason", "next_action"}
    return JSONB(none_as_null=True) if maybe else orders.c[name].type


async def find(tx: AsyncConnection, order_id: str) -> Order:
    """The order, in a transaction. NotFound if there is none."""
    row = (await tx.execute(reading(), {"its_id": order_id})).mappings().first()
    if row is None:
        raise unknown(order_id)
    return _to_order(row)


def reading() -> Select[Any]:
    """The statement that reads the order `its_id`."""
    return select(orders).where(orders.c.id == bindparam("its_id"))


def read_accepted(row: Row) -> AcceptedOrder:
    """The order that `reading` answers, as it looked when it was accepted."""
    then = row["accepted_at"] or row["created_at"]
    as_accepted = {"status": OrderStatus.PENDING, "reason": None, "version": 0}
    as_accepted |= {"next_action": None}
    order = _to_order(row).model_copy(update=as_accepted | {"created_at": then, "updated_at": then})
    return AcceptedOrder(order=order, fingerprint=row["fingerprint"])


async def page(
    tx: AsyncConnection, only: OrderFilter, *, limit: int, cursor: str | None
) -> OrderPage:
    """A page, newest first, by keyset: its cost does not grow with the pages before it."""
    keyset = tuple_(orders.c.created_at, orders.c.id)
    statement = select(orders).order_by(orders.c.created_at.desc(), orders.c.id.desc())
    statement = statement.where(*_build_conditions(only))
    if cursor is not None:
        statement = statement.where(keyset < tuple_(*unseal(cursor, moment, name)))
    rows = (await tx.execute(statement.limit(limit + 1))).mappings().all()
    items = tuple(_to_order(row) for row in rows[:limit])
    return OrderPage(
        items=items, next_cursor=_make_cursor(items[-1]) if len(rows) > limit else None
    )


async def statuses(tx: AsyncConnection, order_ids: Sequence[str]) -> dict[str, OrderStatus]:
    """How these orders stand, by their ids, found by these."""
    statement = select(orders.c.id, orders.c.status).where(orders.c.id.in_(order_ids))
    return {row.id: OrderStatus(row.status) for row in await tx.execute(statement)}


async def totals(tx: AsyncConnection, status: OrderStatus) -> list[Money]:
    """What the orders in this status cost together, by currency."""
    total = func.sum(orders.c.total_minor).label("minor")
    statement = select(total, orders.c.currency).where(orders.c.status == status)
    rows = await tx.execute(statement.group_by(orders.c.currency).order_by(orders.c.currency))
    return [Money(minor=int(row.minor), currency=row.currency) for row in rows]


def unknown(order_id: str) -> NotFound:
    """The error for an order that is not there."""
    return NotFound("unknown_order", f"there is no order {order_id}")


def _build_conditions(only: OrderFilter) -> Iterator[ColumnElement[bool]]:
    if only.status is not None:
        yield orders.c.status == only.status
    if only.customer_id is not None:
        yield orders.c.customer_id == only.customer_id
    if only.created_from is not None:
        yield orders.c.created_at >= only.created_from
    if only.created_to is not None:
        yield orders.c.created_at < only.created_to
    if only.settled_by_hand is not None:
        nothing = orders.c.settled_by_hand == literal([], JSONB)
        yield ~nothing if only.settled_by_hand else nothing


def _make_cursor(last: Order) -> str:
    return seal(last.created_at.isoformat(), last.id)


def _to_order(row: Row) -> Order:
    total = Money(minor=row["total_minor"], currency=row["currency"])
    return Order(total=total, **row)
