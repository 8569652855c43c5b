"""What one saga did, no other touches: in this process, over HTTP and in memory.

Somebody starts a saga of an order under an id that is not the order's. Its actions are refused, and
its compensations change nothing. Every operation is in the tables, or a test fails.
"""

import inspect
from typing import Any

import pytest

from contracts.inventory import InventoryService
from contracts.orders import NextAction, OrderService, OrderStatus, RequireAction, StepNote
from saga.participant import Op, Rejected, State, StepKey, Unavailable
from tests.contracts.test_keys import INVENTORY, ORDERS, Asking, on_the_shelf

FOREIGN = "by-hand"
# The code that a foreign saga's action is refused with; None where it undoes, or only notes.
ORDER_CODES = {
    "create": "already_placed",
    "close": None,
    "confirm": "foreign_saga",
    "fence_confirm": None,
    "begin_return": "foreign_saga",
    "abandon_return": None,
    "complete_return": "not_returning",
    "note": None,
    "require_action": None,
}
STOCK_CODES = {
    "reserve": None,  # it holds pieces of its own
    "release": None,
    "commit": "stock_not_held",
    "restock": "foreign_saga",
}
# What the order's own saga has done by then, if it is not just what the operation needs.
MADE = {"create": ("create",), "begin_return": ("create", "confirm", "begin_return")}


@pytest.mark.parametrize(
    ("protocol", "codes"), [(OrderService, ORDER_CODES), (InventoryService, STOCK_CODES)]
)
def test_every_operation_of_a_step_is_tried(protocol: Any, codes: dict[str, Any]) -> None:
    methods = inspect.getmembers(protocol, inspect.iscoroutinefunction)
    assert {name for name, method in methods if "key" in inspect.signature(method).parameters} == {
        *codes
    }


async def _tried(asking: Asking, name: str, code: str | None, *, saga_id: str = FOREIGN) -> None:
    """A foreign saga asks; refused, if it acts."""
    if code is None:
        await asking.ask(name, saga_id=saga_id)
        return
    with pytest.raises(Rejected) as refused:
        await asking.ask(name, saga_id=saga_id)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_is_only_its_own_sagas(orders: OrderService, name: str) -> None:
    asking = Asking(orders, ORDERS)
    for earlier in MADE.get(name, ORDERS[name].before):
        await asking.ask(earlier)
    before = await orders.get(asking.order_id), await orders.history(asking.order_id)
    await _tried(asking, name, ORDER_CODES[name])
    assert (await orders.get(asking.order_id), await orders.history(asking.order_id)) == before
    await asking.ask(name)  # its own saga goes on


async def test_a_confirmed_order_is_not_closed_by_another_saga(orders: OrderService) -> None:
    asking = Asking(orders, ORDERS)
    await asking.ask("create")
    confirmed = await asking.ask("confirm")
    assert await asking.ask("close", saga_id=FOREIGN) == confirmed
    assert await orders.get(confirmed.id) == confirmed
    found = {
        (recording.op, recording.state) for recording in await orders.list_step_records(FOREIGN)
    }
    assert found == {(Op.ACTION, State.TOMBSTONE), (Op.COMPENSATION, State.DONE)}


async def test_a_return_that_is_none_of_the_orders_leaves_no_mark(orders: OrderService) -> None:
    asking = Asking(orders, ORDERS)
    await asking.prepare("begin_return")
    before = await orders.history(asking.order_id)
    await asking.ask("abandon_return", saga_id=FOREIGN)
    await _tried(asking, "begin_return", "foreign_saga", saga_id="return-ord_other")
    assert await orders.history(asking.order_id) == before
    await asking.ask("begin_return")


async def test_a_fence_of_another_saga_refuses_only_that_one(orders: OrderService) -> None:
    asking = Asking(orders, ORDERS)
    await asking.ask("create")
    foreign = StepKey(saga_id=FOREIGN, step=ORDERS["confirm"].step)
    assert await orders.fence_confirm(foreign) is False
    assert (await asking.ask("confirm")).status == OrderStatus.CONFIRMED


async def test_a_note_of_another_saga_is_but_a_note(orders: OrderService) -> None:
    asking = Asking(orders, ORDERS)
    created = await asking.ask("create")
    note = StepNote(order_id=created.id, step="x", blocked="no", still_blocked=True)
    await orders.note(StepKey(saga_id=FOREIGN, step="note#1"), note)
    assert (await orders.get(created.id)).status == OrderStatus.PENDING
    assert (await asking.ask("confirm")).status == OrderStatus.CONFIRMED


async def test_what_another_saga_waits_for_is_not_told_of_the_order(orders: OrderService) -> None:
    asking = Asking(orders, ORDERS)
    created = await asking.ask("create")
    action = NextAction(url="https://bank.example/1", until=created.created_at)
    command = RequireAction(order_id=created.id, next_action=action)
    await orders.require_action(StepKey(saga_id=FOREIGN, step="tell#1"), command)
    assert await orders.get(created.id) == created


@pytest.mark.parametrize("name", [item for item, code in STOCK_CODES.items() if code])
async def test_pieces_are_only_their_own_sagas(stock: InventoryService, name: str) -> None:
    await on_the_shelf(stock)
    asking = Asking(stock, INVENTORY)
    await asking.prepare(name)
    before = await stock.get_product("A")
    await _tried(asking, name, STOCK_CODES[name])
    assert await stock.get_product("A") == before
    await asking.ask(name)  # its own saga goes on


async def test_another_saga_releases_only_what_it_holds_itself(stock: InventoryService) -> None:
    await on_the_shelf(stock)
    asking = Asking(stock, INVENTORY)
    await asking.ask("reserve")
    assert (await asking.ask("release", saga_id="other-hand")).lines == ()
    await asking.ask("reserve", saga_id=FOREIGN)
    assert (await stock.get_product("A")).reserved == 4
    await asking.ask("release", saga_id=FOREIGN)
    assert (await stock.get_product("A")).reserved == 2
    await asking.ask("commit")
    assert (await stock.get_product("A")).sold == 2


async def test_what_its_own_saga_has_sold_is_not_released(stock: InventoryService) -> None:
    await on_the_shelf(stock)
    asking, other = Asking(stock, INVENTORY), Asking(stock, INVENTORY)
    await other.ask("reserve")  # whose pieces are there to be taken by mistake
    await asking.ask("reserve")
    await asking.ask("commit")
    with pytest.raises(Rejected) as refused:
        await asking.ask("release")
    assert refused.value.code == "stock_sold"
    product = await stock.get_product("A")
    assert (product.reserved, product.sold) == (2, 2)


async def test_a_return_does_not_take_the_pieces_of_other_orders(stock: InventoryService) -> None:
    await on_the_shelf(stock)
    asking, other = Asking(stock, INVENTORY), Asking(stock, INVENTORY)
    await other.prepare("restock")  # reserved and sold, unlike its own
    await asking.ask("reserve")
    with pytest.raises(Unavailable, match="not sold yet"):
        await asking.ask("restock")
    assert (await stock.get_product("A")).sold == 2
    await asking.ask("commit")
    await asking.ask("restock")
    assert (await stock.get_product("A")).sold == 2
