"""Past states of orders, events of old schemas, and snapshots that change nothing."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select, text, update

from contracts.orders import ConfirmOrder, OrderStatus, StepNote
from infrastructure.eventstore.upcasters import Upcasters
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from services.order.aggregate import OrderAggregate
from services.order.service import Orders
from services.order.tables import events, snapshots
from tests.services.test_order import CONFIRM, CREATE, command, key


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url)
    yield opened
    await opened.close()


async def block_and_unblock(orders: Orders, times: int) -> None:
    for n in range(times):
        note = StepNote(order_id="ord_1", step="s", blocked="no", still_blocked=True)
        await orders.note(key(f"note-{n}"), note)
        again = note.model_copy(update={"blocked": None, "still_blocked": False})
        await orders.note(key(f"unnote-{n}"), again)


async def test_any_past_state_is_found_by_version_or_moment(database: Database) -> None:
    orders = Orders(database)
    await orders.create(key(CREATE), command())
    await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    history = await orders.history("ord_1")
    at = [OrderAggregate.from_history("ord_1", history, at=version) for version in range(5)]
    assert [item.version for item in at] == [0, 1, 2, 3, 3]
    assert [item.status for item in at[2:4]] == [OrderStatus.PENDING, OrderStatus.CONFIRMED]
    confirmed = history[-1].recorded_at
    before = confirmed - timedelta(microseconds=1)
    assert OrderAggregate.from_history("ord_1", history, at=before).version == 2
    assert OrderAggregate.from_history("ord_1", history, at=confirmed).version == 3


async def test_an_event_of_the_first_schema_is_read_as_one_of_today(database: Database) -> None:
    orders = Orders(database)
    await orders.create(key(CREATE), command())
    async with database.transaction() as tx:
        bare = text("data - 'fingerprint' - 'accepted_at'")
        first = update(events).where(events.c.version == 1)
        await tx.execute(first.values(schema_version=1, data=bare))
    placed, *_ = await orders.history("ord_1")
    assert (placed.data["fingerprint"], placed.data["accepted_at"]) == (None, None)
    confirmed = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert confirmed.status == OrderStatus.CONFIRMED


async def test_an_event_of_a_newer_release_is_not_misread(database: Database) -> None:
    orders = Orders(database)
    await orders.create(key(CREATE), command())
    async with database.transaction() as tx:
        await tx.execute(update(events).values(schema_version=9))
    with pytest.raises(ValueError, match="written by a newer release"):
        await orders.history("ord_1")


def test_upcasters_go_from_version_to_version() -> None:
    steps = Upcasters(
        {("A", 1): lambda it: it | {"b": 1}, ("A", 2): lambda it: it | {"c": it["b"]}}
    )
    assert (steps.newest("A"), steps.newest("B")) == (3, 1)
    assert steps.lift("A", 1, {"a": 0}) == {"a": 0, "b": 1, "c": 1}
    assert steps.lift("A", 2, {"b": 5}) == {"b": 5, "c": 5}
    assert steps.lift("B", 1, {}) == {}
    with pytest.raises(ValueError, match="no upcaster from version 1"):
        Upcasters({("A", 2): dict})


@pytest.mark.parametrize("every", [1, 3, 1000])
async def test_snapshots_change_no_outcome(database: Database, every: int) -> None:
    orders = Orders(database, snapshot_every=every)
    await orders.create(key(CREATE), command())
    await block_and_unblock(orders, 5)
    confirmed = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    folded = OrderAggregate.from_history("ord_1", await orders.history("ord_1"))
    assert (confirmed.version, confirmed.status) == (13, "confirmed")
    assert (folded.version, folded.status) == (13, "confirmed")
    async with database.transaction() as tx:
        taken = (await tx.execute(select(snapshots.c.version))).scalars().all()
    assert taken == {1: [13], 3: [12], 1000: []}[every]


async def test_only_what_is_behind_the_snapshot_is_read(database: Database) -> None:
    orders = Orders(database, snapshot_every=3)
    await orders.create(key(CREATE), command())
    await block_and_unblock(orders, 1)
    async with database.transaction() as tx:  # would not be understood if it were read
        await tx.execute(update(events).where(events.c.version <= 3).values(type="Unreadable"))
    confirmed = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert (confirmed.version, confirmed.items) == (5, command().items)


async def test_a_snapshot_of_another_schema_is_not_read(database: Database) -> None:
    orders = Orders(database, snapshot_every=1)
    await orders.create(key(CREATE), command())
    async with database.transaction() as tx:
        await tx.execute(update(snapshots).values(schema=0, state={}))
    confirmed = await orders.confirm(key(CONFIRM), ConfirmOrder(order_id="ord_1"))
    assert (confirmed.version, confirmed.status) == (3, "confirmed")
