"""What services publish: with the effect, once, and nothing where there was none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Table, select

from contracts.base import Money, Reason
from contracts.events.integration_events import (
    DATA,
    PUBLISHERS,
    VERSIONS,
    DomainEvent,
    EventType,
    UserEvent,
)
from contracts.inventory import AddStock, NewProduct, Price, ReserveStock, StockLine
from contracts.orders import (
    ConfirmOrder,
    CreateOrder,
    NextAction,
    OrderLine,
    OrderStatus,
    RequireAction,
    StartReturn,
    StepNote,
)
from contracts.users import NewUser
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Compensated, Rejected, StepKey
from services.inventory.service import Inventory
from services.inventory.tables import outbox as inventory_outbox
from services.order.service import Orders
from services.order.tables import outbox as order_outbox
from services.user.service import Users
from services.user.tables import outbox as user_outbox

EUR = Money(minor=300, currency="EUR")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


async def told(database: Database, outbox: Table) -> list[str]:
    """Types and subjects of all that is in the outbox, whose data must be of their schemas."""
    async with database.transaction() as tx:
        rows = (await tx.execute(select(outbox).order_by(outbox.c.position))).all()
    for row in rows:
        DATA[EventType(row.type)].model_validate(row.data)
    return [f"{row.type} {row.subject}" for row in rows]


def step(name: str, saga: str = "order-ord_1") -> StepKey:
    return StepKey(saga_id=saga, step=name)


def an_accepted_order() -> CreateOrder:
    line = OrderLine(sku="A", quantity=1, unit_price=EUR)
    return CreateOrder(
        order_id="ord_1", customer_id="usr_1", items=(line,), total=EUR, payment_method="pm"
    )


def test_every_type_has_a_schema_a_version_and_one_publisher() -> None:
    assert set(DATA) == set(VERSIONS) == set(EventType)
    for event_type in EventType:
        of = [
            publisher
            for publisher, prefixes in PUBLISHERS.items()
            if event_type.startswith(prefixes)
        ]
        assert len(of) == 1, event_type


async def test_users(databases: DatabaseSettings) -> None:
    async with opened(databases.user_database_url) as database:
        users = Users(database)
        user = await users.create(NewUser(name="Ada", email="ada@example.com"))
        for _ in range(2):
            assert not (await users.deactivate(user.id)).active
        assert await told(database, user_outbox) == [
            f"user.created {user.id}",
            f"user.deactivated {user.id}",
        ]
        async with database.transaction() as tx:
            data = (await tx.execute(select(user_outbox.c.data))).scalars().all()
        assert "Ada" not in str(data)
        assert "example.com" not in str(data)


async def test_inventory(databases: DatabaseSettings) -> None:
    order = ReserveStock(order_id="ord_1", lines=(StockLine(sku="A", quantity=2),))
    async with opened(databases.inventory_database_url) as database:
        inventory = Inventory(database)
        price = Price(minor=100, currency="EUR")
        product = NewProduct(sku="A", name="A", price=price, stock=1)
        await inventory.create_product(product)
        with pytest.raises(Rejected, match="already"):
            await inventory.create_product(product)
        with pytest.raises(Rejected, match="available"):
            await inventory.reserve(step("reserve", "s0"), order)
        await inventory.add_stock("A", AddStock(quantity=5))
        for _ in range(2):
            await inventory.reserve(step("reserve", "s2"), order)
        await inventory.release(step("reserve", "s2"), order)
        await inventory.release(step("reserve", "s1"), order)
        with pytest.raises(Compensated):
            await inventory.reserve(step("reserve", "s1"), order)
        await inventory.reserve(step("reserve"), order)
        await inventory.commit(step("commit"), order)
        await inventory.restock(step("restock", "return-ord_1"), order)
        assert await told(database, inventory_outbox) == [
            "product.created A",
            "product.stocked A",
            "inventory.reserved ord_1",
            "inventory.released ord_1",
            "inventory.reserved ord_1",
            "inventory.committed ord_1",
            "inventory.restocked ord_1",
        ]


async def test_orders(databases: DatabaseSettings) -> None:
    command = an_accepted_order()
    goes_back = StartReturn(order_id="ord_1", items=command.items, total=EUR)
    blocked = StepNote(order_id="ord_1", step="s", blocked="no", still_blocked=True)
    async with opened(databases.order_database_url) as database:
        orders = Orders(database)
        for _ in range(2):
            await orders.create(step("create_order"), command)
        told_once = RequireAction(
            order_id="ord_1",
            next_action=NextAction(url="https://bank.example/1", until=datetime.now(UTC)),
        )
        for _ in range(2):
            await orders.require_action(step("tell"), told_once)
        await orders.note(step("note-1"), blocked)
        retried = blocked.model_copy(update={"action": "retry", "who": "ada"})
        await orders.note(step("note-3"), retried)
        unblocked = blocked.model_copy(update={"blocked": None, "still_blocked": False})
        await orders.note(step("note-2"), unblocked)
        for _ in range(2):
            await orders.confirm(step("confirm_order"), ConfirmOrder(order_id="ord_1"))
        await orders.begin_return(step("begin", "return-ord_1"), goes_back)
        await orders.complete_return(step("complete", "return-ord_1"), goes_back)
        assert await told(database, order_outbox) == [
            "order.placed ord_1",
            "order.action_required ord_1",
            "order.blocked ord_1",
            "order.unblocked ord_1",
            "order.confirmed ord_1",
            "order.returned ord_1",
        ]


async def test_an_order_that_is_closed_before_it_was_created_is_told_as_both(
    databases: DatabaseSettings,
) -> None:
    async with opened(databases.order_database_url) as database:
        orders = Orders(database)
        reason = Reason(code="out_of_stock", detail="no more")
        for _ in range(2):
            await orders.close(
                step("create_order"), an_accepted_order(), OrderStatus.REJECTED, reason
            )
        assert await told(database, order_outbox) == ["order.placed ord_1", "order.rejected ord_1"]


async def test_data_of_another_type_is_refused(databases: DatabaseSettings) -> None:
    wrong = DomainEvent(EventType.ORDER_PLACED, "ord_1", UserEvent(user_id="usr_1"))
    async with opened(databases.order_database_url) as database, database.transaction() as tx:
        with pytest.raises(TypeError, match="carries OrderEvent"):
            await Outbox(order_outbox).publish(tx, [wrong])
