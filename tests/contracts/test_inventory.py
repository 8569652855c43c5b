"""The inventory service's contract."""

import pytest

from contracts.inventory import (
    AddStock,
    InventoryService,
    NewProduct,
    Price,
    Reservation,
    ReserveStock,
    StockLine,
)
from saga.participant import Compensated, NotFound, Rejected, StepKey, Unavailable

PRICE = Price(minor=2500, currency="EUR")


def key(step: str = "reserve", saga_id: str = "order-ord_1") -> StepKey:
    return StepKey(saga_id=saga_id, step=step)


def wanted(**quantities: int) -> ReserveStock:
    lines = tuple(StockLine(sku=sku, quantity=n) for sku, n in quantities.items())
    return ReserveStock(order_id="ord_1", lines=lines)


async def seeded(stock: InventoryService) -> None:
    for sku, pieces in (("A", 10), ("B", 5)):
        await stock.create_product(NewProduct(sku=sku, name=sku, price=PRICE, stock=pieces))


async def held(stock: InventoryService, sku: str = "A") -> tuple[int, int, int]:
    product = await stock.get_product(sku)
    assert product.available + product.reserved + product.sold == product.stocked
    return product.available, product.reserved, product.sold


async def test_products_are_listed_in_order_of_their_sku(stock: InventoryService) -> None:
    assert await stock.list_products() == []
    await seeded(stock)
    assert [product.sku for product in await stock.list_products()] == ["A", "B"]
    assert [product.sku for product in await stock.list_products(["B", "nope"])] == ["B"]
    assert await stock.list_products([]) == []
    assert (await stock.get_product("A")).price == PRICE


async def test_a_sku_is_taken_once(stock: InventoryService) -> None:
    await seeded(stock)
    with pytest.raises(Rejected) as refused:
        await stock.create_product(NewProduct(sku="A", name="A", price=PRICE, stock=1))
    assert refused.value.code == "sku_exists"


async def test_added_stock_is_available(stock: InventoryService) -> None:
    await seeded(stock)
    assert (await stock.add_stock("A", AddStock(quantity=3))).available == 13
    with pytest.raises(NotFound):
        await stock.add_stock("nope", AddStock(quantity=3))


async def test_a_repeated_step_gets_the_first_reply(stock: InventoryService) -> None:
    await seeded(stock)
    first = await stock.reserve(key(), wanted(A=4, B=1))
    assert first == Reservation(order_id="ord_1", lines=wanted(A=4, B=1).lines)
    assert await stock.reserve(key(), wanted(A=4, B=1)) == first
    assert await held(stock) == (6, 4, 0)
    for _ in range(2):
        assert await stock.release(key(), wanted(A=4, B=1)) == first
    assert await held(stock) == (10, 0, 0)


async def test_all_lines_are_held_or_none(stock: InventoryService) -> None:
    await seeded(stock)
    with pytest.raises(Rejected) as refused:
        await stock.reserve(key(), wanted(A=1, B=6))
    assert (type(refused.value), refused.value.code) == (Rejected, "out_of_stock")
    with pytest.raises(NotFound) as unknown:
        await stock.reserve(key("other"), wanted(A=1, nope=1))
    assert unknown.value.code == "unknown_sku"
    assert await held(stock) == (10, 0, 0)


async def test_what_was_released_first_is_never_held(stock: InventoryService) -> None:
    await seeded(stock)
    assert (await stock.release(key(), wanted(A=4))).lines == ()
    with pytest.raises(Compensated):
        await stock.reserve(key(), wanted(A=4))
    assert await held(stock) == (10, 0, 0)


async def test_sold_pieces_come_back_and_not_before_they_are_sold(stock: InventoryService) -> None:
    await seeded(stock)
    await stock.reserve(key(), wanted(A=4))
    with pytest.raises(Unavailable) as early:
        await stock.restock(key("restock", "return-ord_1"), wanted(A=4))
    assert early.value.retry_after is not None
    await stock.commit(key("commit"), wanted(A=4))
    assert await held(stock) == (6, 0, 4)
    await stock.restock(key("restock", "return-ord_1"), wanted(A=4))
    assert await held(stock) == (10, 0, 0)
    assert await stock.list_holdings(["order-ord_1", "return-ord_1"]) == []


async def test_what_a_saga_holds_is_told_until_it_is_released_or_sold(
    stock: InventoryService,
) -> None:
    await seeded(stock)
    sagas = ["order-held", "order-released", "order-sold", "order-late", "order-none"]
    command = wanted(A=2, B=1)
    for saga_id in sagas[:3]:
        await stock.reserve(StepKey(saga_id=saga_id, step="reserve"), command)
    await stock.release(StepKey(saga_id="order-released", step="reserve"), command)
    await stock.release(StepKey(saga_id="order-late", step="reserve"), command)
    await stock.commit(StepKey(saga_id="order-sold", step="commit"), command)
    found = await stock.list_holdings(sagas)
    assert [(row.saga_id, row.pieces) for row in found] == [("order-held", 3)]
    assert 0 <= found[0].seconds < 60
    assert await stock.list_holdings([]) == []


async def test_what_stands_of_a_saga_is_told_by_its_steps(stock: InventoryService) -> None:
    await seeded(stock)
    assert await stock.effects(["order-ord_1"]) == []
    await stock.reserve(key(), wanted(A=3))
    await stock.commit(key("commit"), wanted(A=3))
    told = await stock.effects(["order-ord_1", "order-2"])
    assert [(line.saga_id, line.steps) for line in told] == [("order-ord_1", ("commit", "reserve"))]
    other = StepKey(saga_id="order-2", step="reserve")
    await stock.reserve(other, wanted(A=1))
    await stock.release(other, wanted(A=1))
    assert await stock.effects(["order-2"]) == []
