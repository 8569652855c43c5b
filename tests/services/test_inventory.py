"""The rules of stock: conserved always, and reserved all or nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from contracts.inventory import AddStock, NewProduct, Price, ReserveStock, StockLine
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Compensated, Locked, NotFound, Rejected, StepKey, Unavailable
from services.inventory.service import Inventory


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.inventory_database_url, pool_size=10)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def inventory(database: Database) -> Inventory:
    service = Inventory(database)
    for sku, stock in (("A", 10), ("B", 5)):
        price = Price(minor=100, currency="EUR")
        await service.create_product(NewProduct(sku=sku, name=sku, price=price, stock=stock))
    return service


def key(saga: str, step: str = "reserve") -> StepKey:
    return StepKey(saga_id=saga, step=step)


def lines(**quantities: int) -> ReserveStock:
    wanted = tuple(StockLine(sku=sku, quantity=n) for sku, n in quantities.items())
    return ReserveStock(order_id="ord_1", lines=wanted)


async def stock(inventory: Inventory, sku: str = "A") -> tuple[int, int, int]:
    product = await inventory.get_product(sku)
    assert product.available + product.reserved + product.sold == product.stocked
    return product.available, product.reserved, product.sold


async def test_reserve_release_and_commit_move_pieces(inventory: Inventory) -> None:
    await inventory.reserve(key("s1"), lines(A=4))
    assert await stock(inventory) == (6, 4, 0)
    await inventory.release(key("s1"), lines(A=4))
    assert await stock(inventory) == (10, 0, 0)
    await inventory.reserve(key("s2"), lines(A=3))
    await inventory.commit(key("s2", "commit"), lines(A=3))
    assert await stock(inventory) == (7, 0, 3)


async def test_restock_puts_sold_pieces_back_once(inventory: Inventory) -> None:
    await inventory.reserve(key("order-ord_1"), lines(A=4, B=2))
    await inventory.commit(key("order-ord_1", "commit"), lines(A=4, B=2))
    back = (key("return-ord_1", "restock"), lines(B=2, A=4))
    replies = await asyncio.gather(*(inventory.restock(*back) for _ in range(20)))
    assert {reply.model_dump_json() for reply in replies} == {replies[0].model_dump_json()}
    assert (await stock(inventory, "A"), await stock(inventory, "B")) == ((10, 0, 0), (5, 0, 0))


async def test_restock_waits_until_the_order_is_sold(inventory: Inventory) -> None:
    await inventory.reserve(key("order-ord_1"), lines(A=4, B=2))
    with pytest.raises(Locked) as refused:
        await inventory.restock(key("return-ord_1", "restock"), lines(A=4, B=2))
    assert refused.value.holder == "order-ord_1"
    assert (await stock(inventory, "A"), await stock(inventory, "B")) == ((6, 4, 0), (3, 2, 0))


async def test_a_restock_of_what_nobody_holds_waits_for_no_saga(inventory: Inventory) -> None:
    with pytest.raises(Unavailable) as refused:
        await inventory.restock(key("return-ord_1", "restock"), lines(A=4, B=2))
    assert not isinstance(refused.value, Locked)


async def test_less_than_was_reserved_is_not_sold(inventory: Inventory) -> None:
    await inventory.reserve(key("s1"), lines(A=4, B=2))
    with pytest.raises(Rejected, match="holds no") as refused:
        await inventory.commit(key("s1", "commit"), lines(A=4))
    assert refused.value.code == "stock_not_held"
    assert (await stock(inventory, "A"), await stock(inventory, "B")) == ((6, 4, 0), (3, 2, 0))


async def test_of_a_release_and_a_sale_at_once_one_counts(inventory: Inventory) -> None:
    await inventory.reserve(key("other"), lines(A=2))  # whose pieces must not make up for them
    for n in range(10):
        saga = f"s{n}"
        await inventory.reserve(key(saga), lines(A=2))
        both = (
            inventory.release(key(saga), lines(A=2)),
            inventory.commit(key(saga, "commit"), lines(A=2)),
        )
        answers = await asyncio.gather(*(both if n % 2 else both[::-1]), return_exceptions=True)
        (refused,) = [answer for answer in answers if isinstance(answer, BaseException)]
        assert isinstance(refused, Rejected), refused
        assert refused.code in {"stock_not_held", "stock_sold"}
        assert (await stock(inventory))[1] == 2
        await inventory.add_stock("A", AddStock(quantity=2))


async def test_a_line_that_is_out_of_stock_leaves_the_others_alone(inventory: Inventory) -> None:
    with pytest.raises(Rejected, match="6 wanted, 5 available") as rejected:
        await inventory.reserve(key("s1"), lines(A=4, B=6))
    assert rejected.value.code == "out_of_stock"
    assert await stock(inventory) == (10, 0, 0)


async def test_a_refusal_names_what_is_missing_and_not_what_it_would_take_itself(
    inventory: Inventory,
) -> None:
    """Of A there are ten: enough, though not for twice that."""
    with pytest.raises(Rejected) as rejected:
        await inventory.reserve(key("s1"), lines(A=6, B=6))
    assert rejected.value.detail == "B: 6 wanted, 5 available"


async def test_an_unknown_sku_is_rejected(inventory: Inventory) -> None:
    with pytest.raises(NotFound) as rejected:
        await inventory.reserve(key("s1"), lines(A=1, NOPE=1))
    assert rejected.value.code == "unknown_sku"
    assert await stock(inventory) == (10, 0, 0)


async def test_a_late_reservation_after_its_release_is_refused(inventory: Inventory) -> None:
    await inventory.release(key("s1"), lines(A=4))
    with pytest.raises(Compensated):
        await inventory.reserve(key("s1"), lines(A=4))
    assert await stock(inventory) == (10, 0, 0)


async def test_fifty_buyers_of_ten_pieces_in_both_orders_never_oversell_or_deadlock(
    inventory: Inventory,
) -> None:
    wanted = [lines(A=1, B=1) if n % 2 else lines(B=1, A=1) for n in range(50)]
    answers = await asyncio.gather(
        *(inventory.reserve(key(f"s{n}"), name) for n, name in enumerate(wanted)),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 5
    assert {answer.code for answer in answers if isinstance(answer, Rejected)} == {"out_of_stock"}
    assert await stock(inventory, "A") == (5, 5, 0)
    assert await stock(inventory, "B") == (0, 5, 0)


async def test_stock_is_added_by_concurrent_callers(inventory: Inventory) -> None:
    await asyncio.gather(*(inventory.add_stock("A", AddStock(quantity=2)) for _ in range(10)))
    assert (await inventory.get_product("A")).stocked == 30


@pytest.mark.parametrize("change", ["available = available - 11", "sold = sold + 1"])
async def test_the_database_itself_refuses_to_lose_or_invent_stock(
    inventory: Inventory, database: Database, change: str
) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as tx:
            await tx.execute(text(f"UPDATE products SET {change}"))
