"""Actions in one statement: the same rows and replies as in several, and safe when they meet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import MetaData

from contracts.inventory import NewProduct, Price
from contracts.orders import ConfirmOrder, StepNote
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings, ProviderSettings
from saga.participant import Compensated, Conflict, Rejected
from services.inventory.service import Inventory
from services.inventory.tables import metadata as inventory_tables
from services.order.service import Orders
from services.order.tables import metadata as order_tables
from services.payment.provider.client import Provider
from services.payment.service import Payments
from services.payment.tables import metadata as payment_tables
from tests.sandbox.process import KEY, running_sandbox
from tests.services import calls
from tests.services.calls import Answers, key, lines, placed
from tests.support.databases import empty
from tests.support.ways import WatchedDatabase, count, meanwhile

Said = tuple[Answers, dict[str, list[str]]]


async def said(database: WatchedDatabase, metadata: MetaData, answering: Any) -> Said:
    """What the calls answer, and all rows that they leave."""
    try:
        return await answering, await calls.rows(database, metadata)
    finally:
        await database.close()


async def both_ways(
    settings: DatabaseSettings, url: str, metadata: MetaData, ask: Callable[[Database], Any]
) -> tuple[WatchedDatabase, Said, Said]:
    """In one statement where that is clean, with the database that counted them; in several."""
    clean, several = WatchedDatabase(url), WatchedDatabase(url, several=True)
    one = await said(clean, metadata, ask(clean))
    await empty(settings)
    return clean, one, await said(several, metadata, ask(several))


async def test_stock_is_moved_alike(databases: DatabaseSettings) -> None:
    url = databases.inventory_database_url
    clean, one, several = await both_ways(
        databases, url, inventory_tables, lambda it: calls.of_inventory(Inventory(it))
    )
    assert one == several
    assert clean.singles == 3 + 1  # reservations and sales; one has its lines in another order


@pytest.mark.parametrize("snapshot_every", [2, 50])
async def test_orders_are_changed_alike(databases: DatabaseSettings, snapshot_every: int) -> None:
    url = databases.order_database_url
    clean, one, several = await both_ways(
        databases,
        url,
        order_tables,
        lambda it: calls.of_orders(Orders(it, snapshot_every=snapshot_every)),
    )
    assert one == several
    assert clean.singles > 0


async def test_money_is_charged_alike(
    databases: DatabaseSettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def ask(database: Database) -> Answers:
        async with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
            provider = Provider(
                ProviderSettings(
                    payment_provider_url=sandbox.url, payment_provider_key=SecretStr(KEY)
                )
            )
            try:
                return await calls.of_payments(Payments(database, provider))
            finally:
                await provider.close()

    url = databases.payment_database_url
    clean, one, several = await both_ways(databases, url, payment_tables, ask)
    assert one == several
    assert clean.singles == 3 + 2 + 3  # captured, declined, captured and given back


@pytest_asyncio.fixture
async def stock(databases: DatabaseSettings) -> AsyncIterator[WatchedDatabase]:
    """Ten pieces of A, one of B."""
    database = WatchedDatabase(databases.inventory_database_url)
    inventory = Inventory(database)
    for sku, pieces in (("A", 10), ("B", 1)):
        price = Price(minor=100, currency="EUR")
        await inventory.create_product(NewProduct(sku=sku, name=sku, price=price, stock=pieces))
    database.transactions = database.singles = 0
    yield database
    await database.close()


@pytest_asyncio.fixture
async def order(databases: DatabaseSettings) -> AsyncIterator[WatchedDatabase]:
    """The database of orders, with a pending one."""
    database = WatchedDatabase(databases.order_database_url)
    await Orders(database).create(key("order-ord_1", "create"), placed("ord_1"))
    yield database
    await database.close()


async def test_a_clean_action_is_one_statement(stock: WatchedDatabase) -> None:
    inventory = Inventory(stock)
    await inventory.reserve(key("order-ord_1", "reserve"), lines("ord_1", ("A", 1), ("B", 1)))
    await inventory.commit(key("order-ord_1", "commit"), lines("ord_1", ("A", 1), ("B", 1)))
    assert (stock.singles, stock.transactions) == (2, 0)


async def test_an_order_is_placed_in_one_statement_and_confirmed_in_two(
    order: WatchedDatabase,
) -> None:
    assert (order.singles, order.transactions) == (1, 0)
    confirmed = await Orders(order).confirm(
        key("order-ord_1", "confirm"), ConfirmOrder(order_id="ord_1")
    )
    assert (order.singles, order.transactions) == (3, 0)
    assert await Orders(order).get("ord_1") == confirmed


async def test_the_reply_that_is_stored_is_the_one_that_was_given(order: WatchedDatabase) -> None:
    orders, of = Orders(order), key("order-ord_1", "create")
    given = await orders.get("ord_1")
    assert await orders.create(of, placed("ord_1")) == given
    confirming = (key("order-ord_1", "confirm"), ConfirmOrder(order_id="ord_1"))
    confirmed = await orders.confirm(*confirming)
    assert await orders.confirm(*confirming) == confirmed
    assert confirmed.created_at == given.created_at < confirmed.updated_at


async def test_twenty_attempts_of_one_key_have_one_effect_and_one_reply(
    stock: WatchedDatabase,
) -> None:
    of = (key("order-ord_1", "reserve"), lines("ord_1", ("A", 2)))
    replies = await asyncio.gather(*(Inventory(stock).reserve(*of) for _ in range(20)))
    assert len({reply.model_dump_json() for reply in replies}) == 1
    assert stock.singles == 1
    assert (await Inventory(stock).get_product("A")).reserved == 2
    assert await count(stock, "outbox WHERE type = 'inventory.reserved'") == 1


async def test_twenty_sagas_that_place_one_order_place_it_once(order: WatchedDatabase) -> None:
    sagas = [f"order-ord_2-{number}" for number in range(20)]
    attempts = (Orders(order).create(key(saga, "create"), placed("ord_2")) for saga in sagas)
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Rejected)]
    assert (len(answers), {answer.code for answer in refused}) == (20, {"already_placed"})
    assert len(refused) == 19
    assert await count(order, "events WHERE stream_id = 'ord_2'") == 3
    assert await count(order, "outbox WHERE subject = 'ord_2'") == 1
    assert await count(order, "barrier WHERE saga_id LIKE 'order-ord_2-%'") == 1


TAKEN = "UPDATE products SET available = 0, reserved = 1 WHERE sku = 'B'"


async def test_the_last_piece_that_another_takes_meanwhile_is_not_sold_twice(
    stock: WatchedDatabase,
) -> None:
    of = (key("order-ord_1", "reserve"), lines("ord_1", ("A", 1), ("B", 1)))
    async with meanwhile(stock, Inventory(stock).reserve(*of), TAKEN) as attempt:
        with pytest.raises(Rejected, match="1 wanted, 0 available"):
            await attempt
    assert (stock.singles, await count(stock, "barrier")) == (0, 0)
    assert (await Inventory(stock).get_product("A")).reserved == 0
    assert await count(stock, "outbox WHERE type = 'inventory.reserved'") == 0


async def test_the_last_piece_that_another_leaves_is_sold_by_the_same_statement(
    stock: WatchedDatabase,
) -> None:
    of = (key("order-ord_1", "reserve"), lines("ord_1", ("A", 1), ("B", 1)))
    attempt_of = meanwhile(stock, Inventory(stock).reserve(*of), TAKEN, commits=False)
    async with attempt_of as attempt:
        await attempt
    assert (stock.singles, stock.transactions) == (1, 0)
    assert (await Inventory(stock).get_product("B")).reserved == 1


async def test_pieces_that_come_meanwhile_are_not_lost(stock: WatchedDatabase) -> None:
    of = (key("order-ord_1", "reserve"), lines("ord_1", ("A", 10)))
    came = "UPDATE products SET available = available + 5, stocked = stocked + 5 WHERE sku = 'A'"
    async with meanwhile(stock, Inventory(stock).reserve(*of), came) as attempt:
        await attempt
    product = await Inventory(stock).get_product("A")
    assert (product.stocked, product.available, product.reserved) == (15, 5, 10)


CLAIMED = """INSERT INTO barrier (saga_id, step, op, state, digest)
    VALUES ('order-ord_1', 'reserve', 'action', '{}', NULL)"""


async def test_a_compensation_that_comes_first_refuses_it(stock: WatchedDatabase) -> None:
    of = (key("order-ord_1", "reserve"), lines("ord_1", ("A", 1)))
    tombstone = CLAIMED.format("tombstone")
    async with meanwhile(stock, Inventory(stock).reserve(*of), tombstone) as attempt:
        with pytest.raises(Compensated):
            await attempt
    assert (await Inventory(stock).get_product("A")).reserved == 0


async def test_an_attempt_that_ended_in_vain_leaves_it_the_effect(stock: WatchedDatabase) -> None:
    of = (key("order-ord_1", "reserve"), lines("ord_1", ("A", 1)))
    begun = CLAIMED.format("started")
    attempt_of = meanwhile(stock, Inventory(stock).reserve(*of), begun, commits=False)
    async with attempt_of as attempt:
        await attempt
    assert stock.singles == 1
    assert (await Inventory(stock).get_product("A")).reserved == 1


async def test_a_reservation_that_is_undone_meanwhile_is_not_sold(stock: WatchedDatabase) -> None:
    inventory = Inventory(stock)
    await inventory.reserve(key("order-ord_1", "reserve"), lines("ord_1", ("A", 1)))
    await inventory.reserve(key("other", "reserve"), lines("ord_2", ("A", 1)))
    undone = "UPDATE barrier SET state = 'compensated' WHERE saga_id = 'order-ord_1'"
    commit = inventory.commit(key("order-ord_1", "commit"), lines("ord_1", ("A", 1)))
    async with meanwhile(stock, commit, undone) as attempt:
        with pytest.raises(Rejected, match="holds no"):
            await attempt
    assert (await inventory.get_product("A")).sold == 0


async def test_an_order_that_is_noted_meanwhile_is_confirmed_behind_the_note(
    order: WatchedDatabase,
) -> None:
    """The statement has read the version before: it fails, and the other way reads again."""
    noted = (
        "UPDATE orders SET version = 4, status = 'blocked' WHERE id = 'ord_1'",
        "INSERT INTO events (transaction_id, stream_id, version, type, data)"
        " VALUES (pg_current_xact_id()::text::bigint, 'ord_1', 4, 'StepBlocked',"
        """ '{"step": "s", "still_blocked": true}')""",
    )
    confirm = Orders(order).confirm(key("order-ord_1", "confirm"), ConfirmOrder(order_id="ord_1"))
    async with meanwhile(order, confirm, *noted) as attempt:
        confirmed = await attempt
    assert (confirmed.status, confirmed.version) == ("confirmed", 5)
    types = [event.type for event in await Orders(order).history("ord_1")]
    assert types[-2:] == ["StepBlocked", "OrderConfirmed"]
    assert await count(order, "outbox WHERE type = 'order.confirmed'") == 1


async def until_written(attempt: Callable[[], Awaitable[Any]]) -> Any:
    """Attempt until nobody else has written to the stream meanwhile, as Temporal would."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await attempt()
            except Conflict:
                await asyncio.sleep(0.01)


async def test_notes_and_a_confirmation_at_once_are_all_on_record(order: WatchedDatabase) -> None:
    orders = Orders(order)

    def note(number: int) -> Awaitable[Any]:
        told = StepNote(order_id="ord_1", step=f"s{number}", blocked="no", still_blocked=True)
        return until_written(lambda: orders.note(key("order-ord_1", f"note{number}"), told))

    confirming = (key("order-ord_1", "confirm"), ConfirmOrder(order_id="ord_1"))
    confirm = until_written(lambda: orders.confirm(*confirming))
    *_, confirmed = await asyncio.gather(*(note(number) for number in range(5)), confirm)
    history = await orders.history("ord_1")
    assert [event.version for event in history] == list(range(1, 3 + 5 + 1 + 1))
    assert [event.type for event in history].count("OrderConfirmed") == 1
    assert confirmed.status == "confirmed"
