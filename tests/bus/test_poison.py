"""One row that cannot be read holds up nothing: not its outbox, not its lane, not the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import asyncpg
import nats
import pytest_asyncio

from contracts.events.cloudevents import CloudEvent
from contracts.events.integration_events import EventType
from infrastructure.messaging.inbox import DeadLetters
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.messaging.relay import Relay
from infrastructure.messaging.set_aside import UNKNOWN, SetAside
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from relay.relays import OUTBOXES, open_relays
from services.event.tables import bus as bus_tables
from services.event.tables import inbox
from tests.bus.parts import Opening, consumer, effects, event
from tests.bus.test_bus import consuming, handled
from tests.bus.test_kills import happen
from tests.support.waiting import until

ROW = (
    "INSERT INTO {} (position, id, type, subject, data, recorded_at{}) {}"
    " VALUES ($1, gen_random_uuid(), $2, 'ord_1', '{{\"version\": 2}}', now(){})"
)
IN_OUTBOX = ROW.format("outbox", "", "OVERRIDING SYSTEM VALUE", "")
ASIDE = ROW.format("outbox_set_aside", ", error", "", ", $3")


@pytest_asyncio.fixture
async def orders(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url)
    yield opened
    await opened.close()


async def execute(url: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(statement, *values)
    await connection.close()


async def relay_all(open_bus: Opening, url: str) -> Relay:
    """Relay the outbox of orders until nothing waits."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus())
        (relay,) = await stack.enter_async_context(open_relays({"order": url}, bus))
        async with asyncio.timeout(30):
            while await relay.relay():
                pass
    return relay


async def test_an_event_of_an_unknown_type_is_set_aside_and_the_rest_is_published_in_order(
    *, open_bus: Opening, orders: Database, database: Database, databases: DatabaseSettings
) -> None:
    url = databases.order_database_url
    await happen(orders, "ord_1")
    await execute(url, IN_OUTBOX, 1000, "order.teleported")
    await execute(url, "ALTER TABLE outbox ALTER COLUMN position RESTART WITH 1001")
    await happen(orders, "ord_1")
    await happen(orders, "ord_2")
    aside = SetAside("order", orders, OUTBOXES["order"])
    await relay_all(open_bus, url)
    async with open_bus() as bus, consuming(bus, "c", consumer(database, "c").deliver):
        await until(handled(database, "c", 3))
    assert await effects(database, "c") == {"ord_1": [1, 2], "ord_2": [1]}
    (left,) = await aside.list()
    assert (left.position, left.type, left.error) == (1000, "order.teleported", UNKNOWN)
    assert await aside.publish_known() == 0  # this release does not know it any better
    assert await aside.publish() == 1
    assert await aside.list() == []
    await relay_all(open_bus, url)
    assert [left.position for left in await aside.list()] == [1000]


async def test_what_was_unknown_is_published_by_a_release_that_knows_it(
    *, open_bus: Opening, orders: Database, database: Database, databases: DatabaseSettings
) -> None:
    url = databases.order_database_url
    known = str(EventType.ORDER_BLOCKED)
    await execute(url, ASIDE, 1, known, UNKNOWN)  # as the release before left it
    await execute(url, ASIDE, 2, known, "ValueError: it is malformed")
    await relay_all(open_bus, url)
    async with open_bus() as bus, consuming(bus, "c", consumer(database, "c").deliver):
        await until(handled(database, "c", 1))
    assert await effects(database, "c") == {"ord_1": [2]}
    left = await SetAside("order", orders, OUTBOXES["order"]).list()
    assert [each.position for each in left] == [2]


async def test_a_row_whose_data_is_no_event_is_set_aside(
    *, open_bus: Opening, orders: Database, database: Database, databases: DatabaseSettings
) -> None:
    url = databases.order_database_url
    await execute(url, IN_OUTBOX, 1, str(EventType.ORDER_PLACED))
    await execute(url, "UPDATE outbox SET data = '[1, 2]'")
    await execute(url, "ALTER TABLE outbox ALTER COLUMN position RESTART WITH 2")
    await happen(orders, "ord_1")
    await relay_all(open_bus, url)
    async with open_bus() as bus, consuming(bus, "c", consumer(database, "c").deliver):
        await until(handled(database, "c", 1))
    (left,) = await SetAside("order", orders, OUTBOXES["order"]).list()
    assert "ValidationError" in left.error


REFUSE = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.event->>'subject' = 'ord_1' THEN
        RAISE EXCEPTION 'unfit' USING ERRCODE = 'untranslatable_character';
    END IF;
    RETURN NEW;
END $$
"""
REFUSING = (
    "CREATE TRIGGER refusing BEFORE INSERT ON bus_events FOR EACH ROW EXECUTE FUNCTION refuse()"
)


async def test_what_the_database_of_the_bus_refuses_as_data_is_set_aside(
    orders: Database, database: Database, databases: DatabaseSettings
) -> None:
    url, bus_url = databases.order_database_url, databases.event_database_url
    await happen(orders, "ord_1")
    await happen(orders, "ord_2")
    await execute(bus_url, REFUSE)
    await execute(bus_url, REFUSING)
    try:
        await relay_all(partial(open_postgres_bus, bus_url, bus_tables), url)
    finally:
        await execute(bus_url, "DROP TRIGGER refusing ON bus_events")
    (left,) = await SetAside("order", orders, OUTBOXES["order"]).list()
    assert left.subject == "ord_1"
    assert "unfit" in left.error
    async with open_postgres_bus(bus_url, bus_tables) as bus:
        async with consuming(bus, "c", consumer(database, "c").deliver):
            await until(handled(database, "c", 1))
    assert await effects(database, "c") == {"ord_2": [1]}


async def spoil(bus_url: str) -> None:
    """Put something on every lane of the bus that is no event."""
    if bus_url.startswith("nats:"):
        client = await nats.connect(bus_url)
        for lane in range(4):
            await client.jetstream().publish(f"events.{lane}.order.confirmed", b"\x00{no event")
        await client.close()
        return
    await execute(
        bus_url,
        "INSERT INTO bus_events (lane, event_id, event)"
        " SELECT lane, 'poison-' || lane, '{\"no\": \"event\"}' FROM generate_series(0, 3) lane",
    )


async def test_what_is_no_event_becomes_a_dead_letter_and_its_lane_goes_on(
    open_bus: Opening, database: Database, bus_url: str
) -> None:
    events = [event(f"s{n}", 1) for n in range(8)]
    taking = consumer(database, "c")
    async with open_bus() as bus:
        await spoil(bus_url)
        await bus.publish(events)
        working = asyncio.create_task(bus.consume("c", taking.deliver, taking.bury_malformed))
        await until(handled(database, "c", 8))
        working.cancel()
        await asyncio.wait([working])
    letters = await DeadLetters(database, inbox).list()
    assert len(letters) == 4
    assert {letter.consumer for letter in letters} == {"c"}
    assert all("CloudEvent" in letter.error for letter in letters)


async def test_a_consumer_that_raises_ends_neither_its_lane_nor_the_others(
    open_bus: Opening, database: Database
) -> None:
    raised: list[str] = []

    async def raise_first(it: CloudEvent) -> float | None:
        if not raised:
            raised.append(it.id)
            raise RuntimeError("a bug")
        return await consumer(database, "c").deliver(it)

    async with open_bus() as bus:
        await bus.publish([event(f"s{n}", 1) for n in range(8)])
        async with consuming(bus, "c", raise_first) as task:
            await until(handled(database, "c", 8))
            assert not task.done()
    assert len(raised) == 1
