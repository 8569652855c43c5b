"""Returns in the order service: one at a time, of confirmed orders only, and all on record."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts.base import Money, Reason
from contracts.orders import ConfirmOrder, CreateOrder, OrderStatus, StartReturn, StepNote
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Compensated, Conflict, Rejected, StepKey
from services.order.aggregate import OrderAggregate
from services.order.service import Orders

TOTAL = Money(minor=300, currency="EUR")
RETURN = StartReturn(order_id="ord_1", items=(), total=TOTAL)
CREATE = StepKey(saga_id="order-ord_1", step="create_order")
WHY = Reason(code="cancelled_by_customer", detail="kept after all")


@pytest_asyncio.fixture
async def orders(databases: DatabaseSettings) -> AsyncIterator[Orders]:
    """The service with one confirmed order."""
    opened = Database(databases.order_database_url)
    made = Orders(opened)
    order = {"order_id": "ord_1", "customer_id": "usr_1", "items": (), "total": TOTAL}
    await made.create(CREATE, CreateOrder.model_validate(order | {"payment_method": "pm"}))
    confirm = StepKey(saga_id="order-ord_1", step="confirm_order")
    await made.confirm(confirm, ConfirmOrder(order_id="ord_1"))
    yield made
    await opened.close()


def begin(attempt: int = 1) -> StepKey:
    return StepKey(saga_id=f"return-ord_1-{attempt}", step="begin_return")


def finish(attempt: int = 1) -> StepKey:
    return StepKey(saga_id=f"return-ord_1-{attempt}", step="mark_returned")


async def events(orders: Orders) -> list[str]:
    """What happened after the confirmation."""
    return [event.type for event in await orders.history("ord_1")][2:]


async def test_a_confirmed_order_is_returned(orders: Orders) -> None:
    begun = await orders.begin_return(begin(), RETURN)
    assert (begun.status, begun.version) == ("confirmed", 3)
    for _ in range(2):
        returned = await orders.complete_return(finish(), RETURN)
        assert (returned.status, returned.version) == ("returned", 4)
    assert await orders.get("ord_1") == returned
    folded = OrderAggregate.from_history("ord_1", await orders.history("ord_1"))
    assert (folded.status, folded.returning) == ("returned", None)


async def test_an_abandoned_return_leaves_the_order_plainly_confirmed(orders: Orders) -> None:
    before = await orders.get("ord_1")
    await orders.begin_return(begin(), RETURN)
    for late in (WHY, Reason(code="another", detail="of a reset")):
        assert await orders.abandon_return(begin(), RETURN, late) == WHY
    after = await orders.get("ord_1")
    assert (after.status, after.reason) == (before.status, before.reason)
    abandoned = (await orders.history("ord_1"))[-1]
    assert (abandoned.type, abandoned.data["code"]) == ("OrderReturnAbandoned", WHY.code)
    with pytest.raises(Compensated):
        await orders.begin_return(begin(), RETURN)
    await orders.begin_return(begin(2), RETURN)
    assert (await orders.complete_return(finish(2), RETURN)).status == "returned"


async def test_of_two_sagas_at_once_one_returns_the_order(orders: Orders) -> None:
    attempts = [orders.begin_return(begin(n), RETURN) for n in range(1, 11)]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(item, (Rejected, Conflict)) for item in refused)
    assert await events(orders) == ["OrderReturnStarted"]


async def test_a_saga_that_was_refused_neither_ends_nor_abandons_anothers_return(
    orders: Orders,
) -> None:
    await orders.begin_return(begin(), RETURN)
    with pytest.raises(Rejected) as rejected:
        await orders.begin_return(begin(2), RETURN)
    assert rejected.value.code == "not_returnable"
    await orders.abandon_return(begin(2), RETURN, WHY)
    with pytest.raises(Rejected) as rejected:
        await orders.complete_return(finish(2), RETURN)
    assert rejected.value.code == "not_returning"
    assert await events(orders) == ["OrderReturnStarted"]


async def test_a_return_that_ended_before_it_began_is_on_record(orders: Orders) -> None:
    await orders.abandon_return(begin(), RETURN, WHY)
    with pytest.raises(Compensated):
        await orders.begin_return(begin(), RETURN)
    assert await events(orders) == ["OrderReturnAbandoned"]


@pytest.mark.parametrize("order_id", ["ord_pending", "ord_closed", "ord_nowhere"])
async def test_an_order_that_is_not_confirmed_cannot_be_returned(
    orders: Orders, order_id: str
) -> None:
    create = StepKey(saga_id=f"order-{order_id}", step="create_order")
    order = {"order_id": order_id, "customer_id": "usr_1", "items": (), "total": TOTAL}
    command = CreateOrder.model_validate(order | {"payment_method": "pm"})
    if order_id != "ord_nowhere":
        await orders.create(create, command)
    if order_id == "ord_closed":
        await orders.close(create, command, OrderStatus.REJECTED, WHY)
    own = StepKey(saga_id=f"return-{order_id}", step="begin_return")
    this = StartReturn(order_id=order_id, items=(), total=TOTAL)
    with pytest.raises(Rejected) as rejected:
        await orders.begin_return(own, this)
    assert rejected.value.code == "not_returnable"
    assert await orders.abandon_return(own, this, WHY) == WHY  # and records nothing
    if order_id != "ord_nowhere":
        types = [event.type for event in await orders.history(order_id)]
        assert not [kind for kind in types if "Return" in kind]


@pytest.mark.parametrize(("role", "ends"), [("compensation", True), ("action", False)])
async def test_a_word_ends_a_return_if_it_was_said_of_its_undoing(
    orders: Orders, role: str, ends: bool
) -> None:
    await orders.begin_return(begin(), RETURN)
    word = StepNote(
        order_id="ord_1",
        step="begin_return",
        blocked=None,
        still_blocked=False,
        action="mark_done",
        evidence="seen",
        who="op",
        role=role,
    )
    await orders.note(StepKey(saga_id=begin().saga_id, step="note#1@run"), word)
    assert ("OrderReturnAbandoned" in await events(orders)) is ends


async def test_a_returned_order_cannot_be_returned_again(orders: Orders) -> None:
    await orders.begin_return(begin(), RETURN)
    await orders.complete_return(finish(), RETURN)
    with pytest.raises(Rejected):
        await orders.begin_return(begin(2), RETURN)
