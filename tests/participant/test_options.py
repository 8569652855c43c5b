"""What a service may give its barrier, or leave out."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.integration_events import DomainEvent, EventType, ProductEvent
from contracts.inventory import Price
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Compensated, KeyReused, Op, StepKey
from saga.participant.barrier import Barrier
from saga.participant.observer import BarrierEvent
from services.inventory.tables import barrier as table
from services.inventory.tables import outbox

KEY = StepKey(saga_id="saga-1", step="reserve")
PRODUCT = ProductEvent(sku="A", name="A", price=Price(minor=1, currency="EUR"), stocked=1)
CREATED = DomainEvent(EventType.PRODUCT_CREATED, "A", PRODUCT)


class Reply(BaseModel):
    """What an attempt answers."""

    number: int = 1


async def effect() -> Reply:
    """Nothing but the reply."""
    return Reply()


async def undo(_: Reply | None) -> Reply:
    """Likewise."""
    return Reply()


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    """One with a barrier and an outbox."""
    opened = Database(databases.inventory_database_url, pool_size=2)
    yield opened
    await opened.close()


async def published(tx: AsyncConnection) -> int:
    """How many events are in the outbox."""
    return int((await tx.execute(select(func.count()).select_from(outbox))).scalar_one())


async def test_without_an_outbox_and_an_observer_all_is_as_with_them(database: Database) -> None:
    barrier = Barrier(table)
    async with database.transaction() as tx:
        assert await barrier.action(tx, KEY, Reply, effect, digest="d1") == Reply()
        assert await barrier.action(tx, KEY, Reply, effect, digest="d1") == Reply()
        assert await barrier.compensation(tx, KEY, Reply, Reply, undo, digest="d1") == Reply()
        with pytest.raises(Compensated):
            await barrier.action(tx, KEY, Reply, effect, digest="d1")


async def test_events_that_have_no_outbox_are_an_error(database: Database) -> None:
    barrier = Barrier(table)
    async with database.transaction() as tx:
        with pytest.raises(TypeError, match="has no outbox"):
            await barrier.action(
                tx,
                KEY,
                Reply,
                effect,
                digest="d1",
                events=lambda _: [CREATED],  # type: ignore[list-item]  # which is the point
            )


async def test_an_outbox_gets_the_events_of_what_took_effect_once(database: Database) -> None:
    barrier = Barrier(table, Outbox(outbox))
    for _ in range(2):
        async with database.transaction() as tx:
            await barrier.action(tx, KEY, Reply, effect, digest="d1", events=lambda _: [CREATED])
            assert await published(tx) == 1


async def test_an_observer_is_told_what_attempts_meet(database: Database) -> None:
    told: list[tuple[BarrierEvent, Op]] = []
    barrier = Barrier(table, observer=lambda event, op: told.append((event, op)))
    other = StepKey(saga_id="saga-1", step="other")
    async with database.transaction() as tx:
        await barrier.action(tx, KEY, Reply, effect, digest="d1")
        assert told == []
        await barrier.action(tx, KEY, Reply, effect, digest="d1")
        with pytest.raises(KeyReused):
            await barrier.compensation(tx, KEY, Reply, Reply, undo, digest="d2")
        await barrier.compensation(tx, other, Reply, Reply, undo, digest="d1")
        with pytest.raises(Compensated):
            await barrier.action(tx, other, Reply, effect, digest="d1")
    assert told == [
        (BarrierEvent.DUPLICATE, Op.ACTION),
        (BarrierEvent.KEY_REUSED, Op.ACTION),
        (BarrierEvent.TOMBSTONE, Op.ACTION),
        (BarrierEvent.LATE, Op.ACTION),
    ]
