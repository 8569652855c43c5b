"""Orders: event-sourced, closed once, and always leaving a record."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from contracts.base import Money, Reason
from contracts.orders import ConfirmOrder, CreateOrder, OrderFilter, OrderLine, OrderStatus
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Compensated, NotFound, Rejected, StepKey
from services.order.aggregate import OrderAggregate
from services.order.service import Orders

CREATE, CONFIRM = "create_order", "confirm_order"
OUT = Reason(code="out_of_stock", detail="no more")


@pytest_asyncio.fixture
async def orders(databases: DatabaseSettings) -> AsyncIterator[Orders]:
    opened = Database(databases.order_database_url)
    yield Orders(opened)
    await opened.close()


def command(order_id: str = "ord_1", customer: str = "usr_1") -> CreateOrder:
    line = OrderLine(sku="A", quantity=2, unit_price=Money(minor=150, currency="EUR"))
    total = Money(minor=300, currency="EUR")
    return CreateOrder(
        order_id=order_id,
        customer_id=customer,
        items=(line,),
        total=total,
        payment_method="pm_card_visa",
    )


def key(step: str, saga: str = "order-ord_1") -> StepKey:
    return StepKey(saga_id=saga, step=step)


async def test_an_order_is_placed_and_confirmed(orders: Orders) -> None:
    placed = await orders.create(key(CREATE), command())
    assert (placed.status, placed.version, placed.items) == ("pending", 2, command().items)
    confirmed = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert (confirmed.status, confirmed.version) == ("confirmed", 3)
    assert await orders.get("ord_1") == confirmed
    types = [event.type for event in await orders.history("ord_1")]
    assert types == ["OrderPlaced", "ItemAdded", "OrderConfirmed"]


async def test_the_read_model_is_the_fold_of_the_events_at_every_version(orders: Orders) -> None:
    await orders.create(key(CREATE), command())
    closed = await orders.close(key(CREATE), command(), OrderStatus.REJECTED, OUT)
    history = await orders.history("ord_1")
    folded = OrderAggregate.from_history("ord_1", history)
    assert (folded.status, folded.reason, folded.items, folded.total, folded.version) == (
        closed.status,
        closed.reason,
        closed.items,
        closed.total,
        closed.version,
    )
    assert OrderAggregate.from_history("ord_1", history[:2]).status == OrderStatus.PENDING


async def test_an_order_closed_before_it_was_recorded_leaves_a_record(orders: Orders) -> None:
    closed = await orders.close(key(CREATE), command(), OrderStatus.CANCELLED, OUT)
    assert (closed.status, closed.reason) == ("cancelled", OUT)
    with pytest.raises(Compensated):
        await orders.create(key(CREATE), command())
    assert (await orders.get("ord_1")).status == OrderStatus.CANCELLED


async def test_a_closed_order_cannot_be_confirmed(orders: Orders) -> None:
    await orders.create(key(CREATE), command())
    await orders.close(key(CREATE), command(), OrderStatus.TIMED_OUT, OUT)
    with pytest.raises(Rejected) as rejected:
        await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert rejected.value.code == "not_pending"


async def test_a_confirmed_order_cannot_be_closed(orders: Orders) -> None:
    await orders.create(key(CREATE), command())
    await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    with pytest.raises(Rejected):
        await orders.close(key(CREATE), command(), OrderStatus.CANCELLED, OUT)
    assert (await orders.get("ord_1")).status == OrderStatus.CONFIRMED


async def test_pages_follow_each_other_without_gap_or_repetition(orders: Orders) -> None:
    names = [f"ord_{n}" for n in range(7)]
    for name in names:
        await orders.create(key(CREATE, name), command(name, customer=f"usr_{name[-1]}"))
    seen: list[str] = []
    cursor = None
    while True:
        page = await orders.page(OrderFilter(), limit=3, cursor=cursor)
        seen += [order.id for order in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == names[::-1]
    only = await orders.page(OrderFilter(customer_id="usr_3"), limit=3, cursor=None)
    assert [order.id for order in only.items] == ["ord_3"]


@pytest.mark.parametrize("cursor", ["x", "", "W10=", "WyIyMDI2LTAxLTAxIiwgMV0="])
async def test_a_cursor_that_was_not_ours_is_rejected(orders: Orders, cursor: str) -> None:
    with pytest.raises(Rejected) as rejected:
        await orders.page(OrderFilter(), limit=3, cursor=cursor)
    assert rejected.value.code == "invalid_cursor"


async def test_an_unknown_order_is_not_found(orders: Orders) -> None:
    for reading in (orders.get("ord_x"), orders.history("ord_x")):
        with pytest.raises(NotFound):
            await reading


async def test_what_was_accepted_is_told_as_it_was_whatever_became_of_the_order(
    orders: Orders,
) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    asked = command().model_copy(update={"fingerprint": "f", "accepted_at": moment})
    await orders.close(key(CREATE), asked, OrderStatus.REJECTED, OUT)
    accepted = await orders.get_accepted_order("ord_1")
    assert accepted.fingerprint == "f"
    assert (accepted.order.status, accepted.order.version) == ("pending", 0)
    assert (accepted.order.created_at, accepted.order.updated_at) == (moment, moment)
    assert (accepted.order.items, accepted.order.reason) == (asked.items, None)
    folded = OrderAggregate.from_history("ord_1", await orders.history("ord_1"))
    assert (folded.fingerprint, folded.accepted_at) == ("f", moment)


async def test_nothing_is_told_of_an_order_that_is_not_recorded(orders: Orders) -> None:
    with pytest.raises(NotFound):
        await orders.get_accepted_order("ord_nope")
