"""An audit ends with a report whatever fails of it, and hides nothing behind what fails."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError

from activities import orphan_audit
from activities.diagnoses import Diagnoses
from contracts.audits import AuditReport, Books
from contracts.names import workflow_id
from contracts.orphans import Orphan
from tests.audits.test_bounds import loaded_again
from tests.audits.test_others import named
from tests.support.gates import AFTER, Gate
from tests.support.world import World
from tests.workflows.test_audit import audited, seen_by_visibility, terminated_at
from workflows.cautions import AFTER_A_RESTORE, look_back

FOR_GOOD = ApplicationError("not today", non_retryable=True)
HOUR = timedelta(hours=1)


async def orphan(world: World) -> tuple[str, str, Gate]:
    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    await seen_by_visibility(world, {workflow_id(order_id)})
    return order_id, sku, gate


async def audited_without(world: World, activity: str) -> AuditReport:
    audit_id = f"audit-{uuid4()}"
    world.gates.refuse(audit_id, activity, FOR_GOOD)
    return await audited(world, audit_id=audit_id)


async def test_books_that_cannot_be_read_are_named(world: World) -> None:
    report = await audited_without(world, "audit.books")
    assert "the books could not be read: not today" in [item.what for item in report.named]
    assert report.books.unread
    assert report.books.balanced is None


async def test_databases_that_cannot_be_asked_are_not_believed(world: World) -> None:
    order_id, sku, gate = await orphan(world)
    report = await audited_without(world, "audit.epochs")
    assert report.dry_run == "the databases could not be asked"
    assert named(report, order_id)
    assert (await world.order(order_id)).status == "pending"
    await audited(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


async def test_sagas_that_cannot_be_asked_about_count_as_not_done(world: World) -> None:
    order_id, sku, gate = await orphan(world)
    report = await audited_without(world, "audit.standing")
    (said,) = named(report, order_id)
    assert "not done yet" in said.what
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


async def test_an_audit_mends_nothing_further_after_a_restore_while_it_runs(world: World) -> None:
    order_id, sku, gate = await orphan(world)
    audit_id = f"audit-{uuid4()}"
    searched = world.gates.close(audit_id, "audit.search", AFTER)
    auditing = asyncio.create_task(audited(world, audit_id=audit_id))
    await searched.wait_reached()
    await loaded_again(world)
    world.gates.remove(audit_id)
    await searched.open()
    report = await auditing
    assert report.dry_run == "restored while the audit ran: inventory"
    assert named(report, order_id)
    assert (await world.order(order_id)).status == "pending"
    await audited(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


async def test_one_that_cannot_be_looked_at_hides_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little of a page fits into an activity."""
    stopped = [await orphan(world) for _ in range(2)]
    (strange, _, _), (other, its_sku, late) = stopped
    looks = Diagnoses.of

    async def fails(self: Diagnoses, saga_id: str) -> Orphan | None:
        if saga_id == workflow_id(strange):
            raise ValueError("nobody thought of this")
        return await looks(self, saga_id)

    with monkeypatch.context() as patched:
        patched.setattr(Diagnoses, "of", fails)
        patched.setattr(orphan_audit, "A_WHILE", 0.001)
        report = await audited(world)
    (said,) = named(report, strange)
    assert "nobody thought of this" in said.what
    await late.open()
    await world.settled(other, its_sku, "cancelled")
    await audited(world)
    for order_id, sku, gate in stopped[:1]:
        await gate.open()
        await world.settled(order_id, sku, "cancelled")


def test_an_audit_looks_as_far_back_as_the_last_one_that_left_something() -> None:
    nothing = Books(captured=[], confirmed=[], open=[], reserved=0)
    left = AuditReport(books=nothing, left=1, back=AFTER_A_RESTORE)
    done = AuditReport(books=nothing, back=AFTER_A_RESTORE)
    assert look_back(HOUR, left, None) == AFTER_A_RESTORE
    assert look_back(HOUR, done, None) == HOUR
    assert look_back(HOUR, done, "restored") == AFTER_A_RESTORE
