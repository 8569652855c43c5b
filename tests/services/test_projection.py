"""The read model of orders: compared with the events, and made anew while orders go on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from sqlalchemy import delete, insert, select, update

from contracts.base import Reason
from contracts.orders import ConfirmOrder, OrderFilter, OrderStatus
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from services.order.projection import Difference, OrderProjection
from services.order.service import Orders
from services.order.tables import orders as table
from tests.services.test_order import CONFIRM, CREATE, command, key

OUT = Reason(code="out_of_stock", detail="no more")


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url, pool_size=10)
    yield opened
    await opened.close()


async def place(orders: Orders, number: int, *, confirm: bool = True) -> str:
    order_id, saga = f"ord_{number:03}", f"order-{number}"
    placed = command(order_id)
    await orders.create(key(CREATE, saga), placed)
    if confirm:
        await orders.confirm(key(CONFIRM, saga), ConfirmOrder(order_id=order_id))
    else:
        await orders.close(key(CREATE, saga), placed, OrderStatus.REJECTED, OUT)
    return order_id


async def rows(database: Database) -> dict[str, dict[str, Any]]:
    async with database.transaction() as tx:
        found = (await tx.execute(select(table))).mappings().all()
    return {row["id"]: dict(row) for row in found}


async def all_of(going: AsyncIterator[list[Difference]]) -> list[Difference]:
    return [row async for found in going for row in found]


async def test_a_rebuilt_read_model_is_the_one_that_was_damaged(database: Database) -> None:
    service, projection = Orders(database), OrderProjection(database)
    for number in range(4):
        await place(service, number, confirm=number % 2 == 0)
    before = await rows(database)
    assert await all_of(projection.check()) == []
    async with database.transaction() as tx:
        first = update(table).where(table.c.id == "ord_000")
        await tx.execute(first.values(status="pending", total_minor=1))
        await tx.execute(update(table).where(table.c.id == "ord_001").values(reason=None))
        await tx.execute(delete(table).where(table.c.id == "ord_002"))
        orphan = before["ord_003"] | {"id": "ord_nobody"}
        await tx.execute(insert(table).values(orphan))
    wrong = await all_of(projection.check())
    assert {(finding.order_id, finding.column) for finding in wrong} == {
        ("ord_000", "status"),
        ("ord_000", "total_minor"),
        ("ord_001", "reason"),
        ("ord_002", "id"),
        ("ord_nobody", "id"),
    }
    assert await all_of(projection.rebuild()) == wrong
    assert await all_of(projection.check()) == []
    after = await rows(database)
    for found in (before, after):
        for row in found.values():
            del row["updated_at"]
    assert after == before


async def test_orders_go_on_while_it_is_rebuilt(database: Database) -> None:
    service, projection = Orders(database), OrderProjection(database)
    for number in range(30):
        await place(service, number)
    async with database.transaction() as tx:
        await tx.execute(update(table).values(status="pending"))
    done = asyncio.Event()
    placed: list[str] = []

    async def go_on() -> None:
        """Twenty: an order is placed faster than it is rebuilt, and the rebuilding follows them."""
        for number in range(100, 120):
            if not done.is_set():
                placed.append(await place(service, number, confirm=number % 3 > 0))

    async def look() -> None:
        while not done.is_set():
            page = await service.page(OrderFilter(), limit=100, cursor=None)
            assert len(page.items) >= 30

    async with asyncio.TaskGroup() as tasks:
        for work in (go_on(), look()):
            tasks.create_task(work)
        for _ in range(5):
            await all_of(projection.rebuild())
        done.set()
    assert len(placed) > 5
    assert await all_of(projection.check()) == []
    assert {row["status"] for row in (await rows(database)).values()} == {"confirmed", "rejected"}
