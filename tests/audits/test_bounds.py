"""An audit does no more than its bounds allow, names what it left, and ends."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import ScheduleActionExecutionStartWorkflow

from contracts.audits import NAMED, AuditReport, AuditRequest, Bounds
from contracts.base import Money
from contracts.names import AUDIT_SCHEDULE, AUDITS, workflow_id
from contracts.orders import CreateOrder, OrderLine
from saga.participant import StepKey
from tests.support.databases import Server
from tests.support.gates import AFTER
from tests.support.ledgers import execute
from tests.support.waiting import until
from tests.support.world import World, running_world
from tests.workflows.test_audit import audited, seen_by_visibility, terminated_at
from workers import schedules
from workflows.audit_orders import AuditOrders

ORPHANS = 1000
ENDS_WITHIN = 400.0  # seconds, on two busy cores
TEN = Money(minor=1000, currency="EUR")


async def bounded(world: World, **bounds: int) -> AuditReport:
    return await world.client.execute_workflow(
        AuditOrders.run,
        AuditRequest(grace=timedelta(), bounds=Bounds(**bounds)),
        id=f"audit-{uuid4()}",
        task_queue=AUDITS,
    )


async def test_an_audit_stops_at_its_bounds_and_names_what_it_left(world: World) -> None:
    stopped = [await terminated_at(world, "payment.charge", AFTER) for _ in range(2)]
    saga_ids = {workflow_id(order_id) for order_id, _, _ in stopped}
    await seen_by_visibility(world, saga_ids)
    report = await bounded(world, minor=1)
    assert report.stopped == "money"
    assert saga_ids <= {saga.saga_id for saga in report.named}
    assert [(await world.order(order_id)).status for order_id, _, _ in stopped] == ["pending"] * 2
    report = await bounded(world, repairs=1)
    assert (report.stopped, len(report.repaired)) == ("repairs", 1)
    assert report.left >= 1
    await audited(world)
    for order_id, sku, gate in stopped:
        await gate.open()
        await world.settled(order_id, sku, "cancelled")


async def scheduled(world: World) -> AuditReport:
    """What the schedule's next audit reports."""
    handle = world.client.get_schedule_handle(AUDIT_SCHEDULE)
    before = len((await handle.describe()).info.recent_actions)
    await handle.trigger()

    async def ran() -> bool:
        return len((await handle.describe()).info.recent_actions) > before

    await until(ran)
    action = (await handle.describe()).info.recent_actions[-1].action
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    run = world.client.get_workflow_handle(action.workflow_id, result_type=AuditReport)
    report = await run.result()
    assert isinstance(report, AuditReport)
    return report


async def test_the_schedule_repairs_nothing_before_somebody_could_look(world: World) -> None:
    """Neither at first, nor after a restore."""
    await schedules.ensure(world.client)
    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    await seen_by_visibility(world, {workflow_id(order_id)})
    first = await scheduled(world)
    assert first.dry_run == "it is the first audit of this schedule"
    assert order_id in {row.order_id for row in first.named}
    assert (await scheduled(world)).dry_run is None
    await gate.open()  # the late attempt finds that it is undone
    await world.settled(order_id, sku, "cancelled")
    other, its_sku, late = await terminated_at(world, "payment.charge", AFTER)
    await seen_by_visibility(world, {workflow_id(other)})
    await loaded_again(world)
    after = await scheduled(world)
    assert after.dry_run == "restored since the last audit: inventory"
    assert (await world.order(other)).status == "pending"
    assert (await scheduled(world)).dry_run is None
    await late.open()
    await world.settled(other, its_sku, "cancelled")
    await world.client.get_schedule_handle(AUDIT_SCHEDULE).delete()


async def loaded_again(world: World) -> None:
    """A dump of the inventory's database is loaded: its tables are others, with the same rows."""
    url = world.databases.inventory_database_url
    await execute(url, "CREATE TABLE loaded AS TABLE alembic_version")
    await execute(url, "DROP TABLE alembic_version")
    await execute(url, "ALTER TABLE loaded RENAME TO alembic_version")


@pytest.fixture
async def own_world(server: Server, tmp_path: Path) -> AsyncIterator[World]:
    """As many slots as in production, and nobody else's orders."""
    databases = await server.databases()
    async with running_world(tmp_path, databases, like_production=True) as world:
        yield world


async def orphans(world: World) -> set[str]:
    """Orders whose workflows are gone; their money is captured, as the payment service knows."""
    order_ids = [f"ord_{uuid4().hex}" for _ in range(ORPHANS)]
    slots = asyncio.Semaphore(10)

    async def make(order_id: str) -> None:
        line = OrderLine(sku="SKU-1", quantity=1, unit_price=TEN)
        order = CreateOrder(
            order_id=order_id,
            customer_id="usr_1",
            items=(line,),
            total=TEN,
            payment_method="pm_card_visa",
            accepted_at=datetime.now(UTC),
        )
        async with slots:
            key = StepKey(saga_id=workflow_id(order_id), step="create_order")
            await world.services.orders.create(key, order)

    await asyncio.gather(*(make(order_id) for order_id in order_ids))
    captured = (
        "INSERT INTO payments (order_id, saga_id, step, status, amount_minor, currency,"
        " payment_method, intent_id) SELECT id, 'order-' || id, 'charge_payment', 'captured', 1000,"
        " 'EUR', 'pm_card_visa', 'pi_' || id FROM unnest(CAST(:ids AS text[])) AS id"
    )
    charged = (
        "INSERT INTO barrier (saga_id, step, op, state, reply) SELECT 'order-' || id,"
        " 'charge_payment', 'action', 'done', jsonb_build_object('order_id', id, 'status',"
        " 'captured', 'amount', jsonb_build_object('minor', 1000, 'currency', 'EUR'),"
        " 'intent_id', 'pi_' || id) FROM unnest(CAST(:ids AS text[])) AS id"
    )
    url = world.databases.payment_database_url
    for statement in (captured, charged):
        await execute(url, statement, ids=order_ids)
    return set(order_ids)


async def test_a_thousand_orphans_without_the_provider_hold_nobody_up(own_world: World) -> None:
    world = own_world
    world.fast_path = False  # what needs a slot of the queue shows
    lost = await orphans(world)
    sku, user = await world.product(), await world.user()
    await world.provider.runner.stop()
    auditing = asyncio.create_task(bounded(world))
    started: set[str] = set()

    async def has_begun() -> bool:
        query = "WorkflowType = 'PlaceOrder' AND ExecutionStatus = 'Running'"
        started.update([execution.id async for execution in world.client.list_workflows(query)])
        return len(started) >= 10

    await until(has_begun, within=ENDS_WITHIN)
    assert not auditing.done()
    order_id = await world.place(sku, user=user)

    async def is_reserved() -> bool:
        return (await world.stock(sku))[1] == 2

    await until(is_reserved, within=20)
    async with asyncio.timeout(ENDS_WITHIN):
        report = await auditing
    await has_begun()
    assert report.stopped == "unfinished"
    assert (report.found, report.mended, report.left >= ORPHANS) == (ORPHANS, 0, True)
    assert len(report.named) == NAMED
    assert {order.order_id for order in report.named[:-1]} <= lost
    assert len(started - {workflow_id(order_id)}) <= 30
    assert len(report.model_dump_json()) < 1_000_000
