"""The audit against the provider's ledger: what is kept without a confirmed order goes back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.ledgers import LedgerActivities
from contracts.audits import AuditReport, AuditRequest, LedgerWindow
from contracts.errors import Rejected
from contracts.names import Queue, workflow_id
from contracts.orders import Order, OrderService, OrderStatus
from contracts.payments import ChargePayment
from infrastructure.database import Database
from tests.api.test_idempotency import forget
from tests.contracts.test_orders import command, key
from tests.support.fakes.orders import FakeOrders
from tests.support.fakes.payments import FakePayments
from tests.support.gates import AFTER, BEFORE
from tests.support.world import PROVIDER_KEY, World
from workflows.audit_orders import AuditOrders


async def audited(world: World, *, repair: bool = True) -> AuditReport:
    """Intents are dated by the second, so the window ends a moment after now."""
    return await world.client.execute_workflow(
        AuditOrders.run,
        AuditRequest(grace=timedelta(seconds=-2), repair=repair),
        id=f"audit-{uuid4()}",
        task_queue=Queue.ORDERS,
    )


async def charged_by_hand(world: World, order_id: str) -> str:
    """A capture that the payment service does not know, under this order's name."""
    form = {
        "amount": "700",
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "metadata[order_id]": order_id,
        "metadata[saga_id]": workflow_id(order_id),
    }
    headers = {"Authorization": f"Bearer {PROVIDER_KEY}"}
    async with httpx2.AsyncClient(base_url=world.provider.url, headers=headers) as http:
        answer = (await http.post("/v1/payment_intents", data=form)).raise_for_status()
    return str(answer.json()["id"])


async def execute(url: str, statement: str, **values: object) -> None:
    database = Database(url)
    async with database.transaction() as tx:
        await tx.execute(text(statement), values)
    await database.close()


def why(report: AuditReport, order_id: str) -> list[str]:
    return [str(it.why) for it in report.ledger if it.order_id == order_id]


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
    assert orders.pages == [3]


async def test_a_capture_that_nobody_here_knows_is_given_back_once(world: World) -> None:
    order_id = f"ord_stray{uuid4().hex[:20]}"
    intent_id = await charged_by_hand(world, order_id)
    seen = await audited(world, repair=False)
    assert (why(seen, order_id), seen.settled) == (["stray"], ())
    assert await world.provider.moved(order_id) == (700, 0)
    report = await audited(world)
    assert next(it.refund_id for it in report.settled if it.discrepancy.intent_id == intent_id)
    assert await world.provider.moved(order_id) == (700, 700)
    assert why(await audited(world), order_id) == []


async def test_a_second_capture_of_a_confirmed_order_goes_back_and_the_first_stays(
    world: World,
) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    await charged_by_hand(world, order_id)
    assert why(await audited(world), order_id) == ["stray"]
    assert await world.provider.moved(order_id) == (1000 + 700, 700)
    payment = await world.services.payments.for_order(order_id)
    with pytest.raises(Rejected, match="is a payment's"):
        await world.services.payments.give_back_stray(str(payment.intent_id))


async def test_a_payment_whose_order_and_saga_are_gone_is_given_back(world: World) -> None:
    """As after a restore of the order database, when Temporal's retention is over too."""
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    await forget(world, order_id)
    url = world.databases.order_database_url
    for table, column in (("orders", "id"), ("barrier", "saga_id")):
        its = order_id if column == "id" else workflow_id(order_id)
        await execute(url, f"DELETE FROM {table} WHERE {column} = :its", its=its)
    assert why(await audited(world), order_id) == ["unrecorded"]
    assert await world.provider.moved(order_id) == (1000, 1000)
    assert (await world.services.payments.for_order(order_id)).status == "refunded"
    assert why(await audited(world), order_id) == []


async def test_a_closed_order_whose_money_was_kept_is_paid_back(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    url = world.databases.order_database_url
    await execute(url, "UPDATE orders SET status = 'cancelled' WHERE id = :its", its=order_id)
    assert why(await audited(world), order_id) == ["closed"]
    assert await world.provider.moved(order_id) == (1000, 1000)


async def test_what_is_under_way_or_rightly_kept_is_left_alone(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", AFTER)
    report = await audited(world)
    assert why(report, order_id) == []
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    assert why(await audited(world), order_id) == []
    assert await world.provider.moved(order_id) == (1000, 0)


async def test_stock_of_an_order_that_a_zombie_confirmed_is_sold(world: World) -> None:
    world.fast_path = False  # there, the worker that has the saga goes on to sell it all the same
    order_id, sku, gate = await world.stopped_at("order.confirm", BEFORE)
    world.gates.remove(workflow_id(order_id))
    await forget(world, order_id)
    await gate.open()  # the late attempt confirms; nobody is there to sell the stock
    assert (await world.order(order_id)).status == "confirmed"
    assert (await world.stock(sku))[1:] == (2, 0)
    report = await audited(world)
    assert ("missing", "confirmed") in {
        (it.orphan.why, it.status) for it in report.repaired if it.orphan.order_id == order_id
    }
    await world.conserved(await world.order(order_id), sku)
