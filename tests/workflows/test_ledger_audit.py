"""The audit of the provider's ledger: what ended without its money gives it back, once.

What nobody here knows is named and left.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payment_reconciliation import MOST, LedgerActivities
from contracts.base import Money
from contracts.ledgers import LedgerCursor, LedgerPage, LedgerWindow, Part
from contracts.names import workflow_id
from contracts.orders import Order, OrderService, OrderStatus, StepNote
from contracts.payments import ChargePayment, Kept, KeptPage
from tests.api.test_idempotency import forget
from tests.contracts.test_orders import command, key
from tests.support.fakes.orders import FakeOrders
from tests.support.fakes.payments import FakePayments
from tests.support.gates import AFTER, BEFORE
from tests.support.ledgers import (
    audit_ledger,
    charged_by_hand,
    close,
    execute,
    outcomes,
    why,
)
from tests.support.returns import confirmed, handle, is_returned, stopped_at
from tests.support.world import World


class Asked(FakeOrders):
    """Notes what it is asked of."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[int] = []

    async def statuses(self, order_ids: Sequence[str]) -> dict[str, OrderStatus]:
        self.pages.append(len(order_ids))
        return await super().statuses(order_ids)

    async def get(self, order_id: str) -> Order:
        raise AssertionError(f"{order_id} is asked for by itself")


async def test_orders_that_are_plainly_right_are_asked_for_together() -> None:
    orders, payments = Asked(), FakePayments()
    for number in range(3):
        order_id = f"ord_{number}"
        saga_id, placed = workflow_id(order_id), command(order_id)
        await orders.create(key("create_order", saga_id), placed)
        charge = ChargePayment(
            order_id=order_id, amount=placed.total, payment_method="pm_card_visa"
        )
        await payments.charge(key("charge_payment", saga_id), charge)
    no_client: Any = None  # no saga is looked at
    ledgers = LedgerActivities(no_client, cast("OrderService", orders), payments)
    now = datetime.now(UTC)
    window = LedgerWindow(begin=now - timedelta(hours=1), end=now)
    assert await ActivityEnvironment().run(ledgers.compare, window) == []
    assert orders.pages == [3, 0]


class Many(FakePayments):
    """Keeps captures of orders that nobody knows, a hundred a page."""

    async def kept_by_provider(
        self, created_from: datetime, created_to: datetime, cursor: str | None
    ) -> KeptPage:
        page = int(cursor or 0)
        some = Money(minor=1, currency="EUR")
        items = tuple(
            Kept(
                intent_id=f"pi_{page}_{number}",
                order_id=f"ord_{page}_{number}",
                saga_id=f"order-ord_{page}_{number}",
                amount=some,
                captured=some,
                known=False,
            )
            for number in range(100 if page < 50 else 0)
        )
        return KeptPage(items=items, next_cursor=str(page + 1) if page < 50 else None, foreign=2)


async def test_thousands_of_discrepancies_come_in_bounded_pages(world: World) -> None:
    ledgers = LedgerActivities(world.client, cast("OrderService", FakeOrders()), Many())
    now = datetime.now(UTC)
    window = LedgerWindow(begin=now - timedelta(hours=1), end=now)
    found, foreign, at = set(), 0, LedgerCursor(part=Part.INTENTS)
    while True:
        page: LedgerPage = await ActivityEnvironment().run(ledgers.look, window, at)
        assert len(page.items) <= MOST
        found |= {order.intent_id for order in page.items}
        foreign += page.foreign
        if page.following is None:
            break
        at = page.following
    assert (len(found), foreign) == (5000, 102)
    assert len(await ActivityEnvironment().run(ledgers.compare, window)) == MOST


async def test_a_capture_of_an_order_that_nobody_knows_is_named_and_left(world: World) -> None:
    order_id = f"ord_stray{uuid4().hex[:20]}"
    intent_id = await charged_by_hand(world, order_id)
    seen = await audit_ledger(world, repair=False)
    assert (why(seen, order_id), seen.settled) == (["unrecorded"], ())
    report = await audit_ledger(world)
    named = next(order for order in report.ledger if order.order_id == order_id)
    assert (named.intent_id, named.amount.minor) == (intent_id, 700)
    assert outcomes(report, order_id) == ["reported"]
    assert await world.provider.fetch_moved(order_id) == (700, 0)


async def test_a_second_capture_of_a_confirmed_order_is_named_and_left(world: World) -> None:
    order, _ = await confirmed(world)
    await charged_by_hand(world, order.id)
    report = await audit_ledger(world)
    assert (why(report, order.id), outcomes(report, order.id)) == (["stray"], ["reported"])
    assert await world.provider.fetch_moved(order.id) == (1000 + 700, 0)


async def test_a_capture_of_another_installation_is_nothing_of_ours(world: World) -> None:
    order, _ = await confirmed(world)
    await charged_by_hand(world, order.id, installation="ins_of_another")
    report = await audit_ledger(world)
    assert why(report, order.id) == []
    assert await world.provider.fetch_moved(order.id) == (1000 + 700, 0)


async def test_a_payment_whose_order_and_saga_are_gone_is_named_and_left(world: World) -> None:
    """As after a restore of the order database, when Temporal's retention is over too."""
    order, _ = await confirmed(world)
    await forget(world, order.id)
    url = world.databases.order_database_url
    for table, column in (("orders", "id"), ("barrier", "saga_id"), ("events", "stream_id")):
        its = workflow_id(order.id) if column == "saga_id" else order.id
        await execute(url, f"DELETE FROM {table} WHERE {column} = :its", its=its)
    report = await audit_ledger(world)
    assert (why(report, order.id), outcomes(report, order.id)) == (["unrecorded"], ["reported"])
    assert await world.provider.fetch_moved(order.id) == (1000, 0)


@pytest.mark.parametrize("status", ["rejected", "cancelled", "timed_out", "returned"])
async def test_a_closed_order_whose_money_was_kept_is_paid_back(world: World, status: str) -> None:
    order, _ = await confirmed(world)
    await close(world, order.id, status)
    report = await audit_ledger(world)
    assert (why(report, order.id), outcomes(report, order.id)) == (["closed"], ["refunded"])
    assert await world.provider.fetch_moved(order.id) == (1000, 1000)
    assert (await world.services.payments.for_order(order.id)).status == "refunded"
    assert why(await audit_ledger(world), order.id) == []


async def test_money_that_an_operator_has_answered_for_is_left(world: World) -> None:
    order, _ = await confirmed(world)
    said = StepNote(
        order_id=order.id,
        step="refund_payment",
        blocked=None,
        still_blocked=False,
        action="mark_done",
        evidence="paid by bank transfer",
        who="ops",
    )
    await world.services.orders.note(key("note", workflow_id(order.id)), said)
    await close(world, order.id, "returned")
    assert why(await audit_ledger(world), order.id) == []
    assert await world.provider.fetch_moved(order.id) == (1000, 0)


async def test_an_order_that_was_confirmed_meanwhile_is_not_paid_back(world: World) -> None:
    """What was found may have changed until it is put right."""
    order, _ = await confirmed(world)
    await close(world, order.id, "cancelled")
    seen = await audit_ledger(world, repair=False)
    (found,) = [row for row in seen.ledger if row.order_id == order.id]
    assert found.remedy == "refund"
    await close(world, order.id, "confirmed")
    ledgers = LedgerActivities(world.client, world.services.orders, world.services.payments)
    settled = await ActivityEnvironment().run(ledgers.settle, found)
    assert (settled.outcome, settled.refund_id) == ("reported", None)
    assert await world.provider.fetch_moved(order.id) == (1000, 0)


async def test_what_is_under_way_or_rightly_kept_is_left_alone(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
    report = await audit_ledger(world)
    assert why(report, order_id) == []
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    assert why(await audit_ledger(world), order_id) == []
    assert await world.provider.fetch_moved(order_id) == (1000, 0)


@pytest.mark.parametrize("activity", ["payment.give_back", "inventory.restock"])
async def test_money_that_a_return_is_giving_back_is_not_missing(
    world: World, activity: str
) -> None:
    order, sku, gate = await stopped_at(world, activity, AFTER)
    assert why(await audit_ledger(world), order.id) == []
    await gate.open()
    await handle(world, order).result()
    await is_returned(world, order, sku)
    assert why(await audit_ledger(world), order.id) == []


async def test_stock_of_an_order_that_a_zombie_confirmed_is_sold(world: World) -> None:
    world.fast_path = False  # there, the worker that has the saga goes on to sell it all the same
    order_id, sku, gate = await world.stopped_at("order.confirm", BEFORE)
    world.gates.remove(workflow_id(order_id))
    await forget(world, order_id)
    await gate.open()  # the late attempt confirms; nobody is there to sell the stock
    assert (await world.order(order_id)).status == "confirmed"
    assert (await world.stock(sku))[1:] == (2, 0)
    report = await audit_ledger(world)
    assert ("missing", "confirmed") in {
        (repair.orphan.why, repair.status)
        for repair in report.repaired
        if repair.orphan.order_id == order_id
    }
    await world.check_conserved(await world.order(order_id), sku)
