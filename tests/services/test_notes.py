"""Notes on an order that is not on record yet: kept on real PostgreSQL, whoever is faster."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text

from contracts.orders import ConfirmOrder, Order, OrderStatus, StepNote
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Conflict, StepKey, Unavailable
from services.order.projection import OrderProjection
from services.order.service import Orders
from tests.services.test_order import CONFIRM, CREATE, OUT, command, key

WORD = StepNote(
    order_id="ord_1",
    step="create_order",
    role="compensation",
    blocked=None,
    still_blocked=False,
    action="skip",
    evidence="the database was away; bank reference 7",
    who="ada",
)


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url, pool_size=10)
    yield opened
    await opened.close()


async def note(orders: Orders, order_id: str, number: int) -> StepNote:
    """Tried until it is on record, as an activity is."""
    said = WORD.model_copy(update={"order_id": order_id})
    while True:
        try:
            return await orders.note(key(f"note#{number}", f"order-{order_id}"), said)
        except Conflict:
            continue


async def create(orders: Orders, order_id: str) -> Order:
    """Likewise."""
    while True:
        try:
            return await orders.create(key(CREATE, f"order-{order_id}"), command(order_id))
        except Conflict:
            continue


async def test_a_note_and_the_order_that_meet_are_both_on_record(database: Database) -> None:
    orders = Orders(database)
    for number in range(20):
        order_id = f"ord_{number}"
        await asyncio.gather(
            note(orders, order_id, 1), create(orders, order_id), note(orders, order_id, 2)
        )
        types = [event.type for event in await orders.history(order_id)]
        assert sorted(types) == ["ItemAdded", "OrderPlaced", "StepUnblocked", "StepUnblocked"]
        assert (await orders.get(order_id)).status == OrderStatus.PENDING


async def test_the_read_model_of_an_order_that_began_with_notes_is_its_fold(
    database: Database,
) -> None:
    orders, projection = Orders(database), OrderProjection(database)
    for order_id in ("ord_1", "ord_2", "ord_3"):
        await note(orders, order_id, 1)
    await create(orders, "ord_1")
    await orders.close(key(CREATE, "order-ord_2"), command("ord_2"), OrderStatus.CANCELLED, OUT)
    assert [found async for found in projection.check() if found] == []
    assert [found async for found in projection.rebuild() if found] == []
    assert await orders.statuses(["ord_1", "ord_2", "ord_3"]) == {
        "ord_1": OrderStatus.PENDING,
        "ord_2": OrderStatus.CANCELLED,
    }


async def test_a_note_under_its_old_key_is_still_told_as_a_word(database: Database) -> None:
    orders = Orders(database)
    await create(orders, "ord_1")
    async with database.transaction() as tx:
        await tx.execute(
            text(
                "INSERT INTO barrier (saga_id, step, op, state, reply)"
                " VALUES ('return-ord_1', 'note#2', 'action', 'done', :reply)"
            ),
            {"reply": WORD.model_dump_json(exclude={"role"})},
        )
    (found,) = await orders.words("return-ord_1")
    assert (found.evidence, found.role) == (WORD.evidence, None)
    assert await orders.words("order-ord_1") == []


async def test_an_order_that_its_database_has_lost_is_not_refused(database: Database) -> None:
    orders = Orders(database)
    with pytest.raises(Unavailable, match="its database has lost it"):
        await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    await create(orders, "ord_1")
    confirmed = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert confirmed.status == OrderStatus.CONFIRMED


async def test_an_order_from_before_its_saga_was_recorded_is_confirmed_by_any(
    database: Database,
) -> None:
    orders = Orders(database)
    await create(orders, "ord_1")
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE events SET data = data - 'saga_id'"))
    other = StepKey(saga_id="another", step=CONFIRM)
    confirmed = await orders.confirm(other, ConfirmOrder(order_id="ord_1"))
    assert confirmed.status == OrderStatus.CONFIRMED
