"""What is told of an order that stands still, or is tried again: what comes of it, and by when."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from activities.audits.earlier_audits import Left
from api.temporal import observed_saga
from api.temporal.audit_outlook import AGE, AuditSeen
from api.temporal.troubles import Kind
from contracts.audits import AuditRequest
from contracts.names import AUDIT_SCHEDULE, AUDITS, order_of, return_id, workflow_id
from contracts.orphans import Orphan, Remedy, Why
from tests.api.test_audit_findings import SOON, rows_of
from tests.api.test_money_settlement import cancelled_with_failed_refund
from tests.story.blocked import block_return
from tests.story.incidents import keep_refund_waiting
from tests.story.stopped import AWAY, fail_charge, wait_for_worker
from tests.support.gates import BEFORE
from tests.support.telling import backend_of, read_told
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited, terminated_at
from tests.workflows.test_one_order_audited import audit_order
from workflows.audit_orders import AuditOrders

FAR = 2099  # the year in which the scheduled audit of these tests is due
ENDED_AT = datetime(2026, 1, 2, tzinfo=UTC)


@asynccontextmanager
async def scheduled(world: World, *, paused: bool = False) -> AsyncIterator[None]:
    """An audit is due, far from now."""
    first = [ScheduleRange(1)]
    due = ScheduleCalendarSpec(year=[ScheduleRange(FAR)], month=first, day_of_month=first)
    action = ScheduleActionStartWorkflow(
        AuditOrders.run, AuditRequest(), id=AUDIT_SCHEDULE, task_queue=AUDITS
    )
    schedule = Schedule(
        action=action, spec=ScheduleSpec(calendars=[due]), state=ScheduleState(paused=paused)
    )
    handle = await world.client.create_schedule(AUDIT_SCHEDULE, schedule)
    try:
        yield
    finally:
        await handle.delete()


async def listed(world: World, order_id: str, late: int = 86400) -> list[dict[str, Any]]:
    rows = await world.rest_items(f"/v1/sagas?attention=true&late={late}&limit=500")
    return [row for row in rows if order_of(row["saga_id"]) == order_id]


def is_listed(world: World, order_id: str, late: int = 86400) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return bool(await listed(world, order_id, late))

    return look


async def test_of_a_terminated_order_it_is_told_when_the_audit_carries_it_on(world: World) -> None:
    async with scheduled(world):
        order_id, sku, gate = await terminated_at(world, "payment.charge", BEFORE)
        await asyncio.sleep(AGE)
        told = await read_told(world, order_id)
        await until(is_listed(world, order_id))
        (row,) = await listed(world, order_id)
        for trouble in (told.story["troubles"][0]["trouble"], told.saga["trouble"], row["trouble"]):
            assert trouble["audited_at"].startswith(str(FAR))
            assert trouble["way_out"].startswith(f"the audit that is due at {FAR}-01-01T")
            assert f"saga audit {order_id} does so now" in trouble["way_out"]
        assert told.story["next"].startswith(f"The audit that is due at {FAR}-")
        for said in told.sentences:
            assert "nothing carries it on" not in said
            assert "it needs you" not in said.lower()
    await audited(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


@pytest.mark.parametrize("paused", [True, False])
async def test_without_a_due_audit_a_terminated_order_needs_a_person(
    world: World, *, paused: bool
) -> None:
    order_id, sku, gate = await terminated_at(world, "payment.charge", BEFORE)
    await asyncio.sleep(AGE)  # what was seen of schedules before is good enough for so long
    if paused:
        async with scheduled(world, paused=True):
            story = (await read_told(world, order_id)).story
    else:
        story = (await read_told(world, order_id)).story
    assert story["next"].startswith(f"It needs you: no audit is scheduled: saga audit {order_id} ")
    assert story["troubles"][0]["trouble"]["audited_at"] is None
    await audited(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")


def orphan(found_at: datetime, **more: Any) -> AuditSeen:
    left = Orphan(
        saga_id="order-ord_1", order_id="ord_1", why=Why.TERMINATED, found_at=found_at, **more
    )
    return AuditSeen(ENDED_AT + timedelta(days=1), Left({}, {}, {"order-ord_1": left}))


def test_what_an_audit_has_left_is_not_promised_of_the_next() -> None:
    later = ENDED_AT + timedelta(minutes=3)
    report = orphan(later, remedy=Remedy.REPORT, way_out="look at it")
    assert report.foretell("order-ord_1", ENDED_AT) == ("an audit has left it: look at it", None)
    said, at = orphan(later).foretell("order-ord_1", ENDED_AT)
    assert (said, at) == ("an audit has left it: have it carried on by saga audit ord_1", None)


def test_what_an_audit_left_before_the_saga_ended_says_nothing_of_the_next() -> None:
    seen = orphan(ENDED_AT - timedelta(minutes=3))
    said, at = seen.foretell("order-ord_1", ENDED_AT)
    assert said.startswith("the audit that is due at 2026-01-03T")
    assert at == seen.due


def until_told(said: str) -> datetime:
    found = re.search(r"tried again by itself until (\S+Z); if it has not worked by then, ", said)
    assert found is not None, said
    return datetime.fromisoformat(found[1])


async def test_of_a_step_that_is_retried_the_end_of_its_time_is_told(world: World) -> None:
    made = await fail_charge(AWAY)(world)
    story = await world.rest(f"/v1/orders/{made.order_id}/story")
    left = until_told(story["next"]) - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    assert "all that was begun is undone, and the order ends as timed_out. Why: " in story["next"]
    (row,) = await listed(world, made.order_id, late=0)
    assert until_told(row["trouble"]["way_out"]) == until_told(story["next"])
    await made.release()


async def test_of_an_undoing_that_is_retried_it_is_told_when_it_waits_for_a_person(
    world: World,
) -> None:
    made = await keep_refund_waiting(world)
    story = await world.rest(f"/v1/orders/{made.order_id}/story")
    left = until_told(story["next"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    assert "it waits for an operator, too, and is still tried. Why: " in story["next"]
    await made.release()


async def test_the_story_and_the_list_agree_on_what_is_retried_for_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await fail_charge(AWAY)(world)
    before = await world.rest(f"/v1/orders/{made.order_id}/story")
    assert (before["needs_attention"], await listed(world, made.order_id, late=60)) == (False, [])
    monkeypatch.setattr(observed_saga, "LATE", timedelta(0))
    told = await read_told(world, made.order_id)
    (row,) = await listed(world, made.order_id, late=0)
    assert row["trouble"]["kind"] == Kind.RETRYING
    assert told.story["needs_attention"]
    assert told.saga["trouble"] == row["trouble"]
    assert told.story["next"].startswith("It takes long: fix what it waits for, ")
    assert "Cancel…" in told.page  # which helps, as nothing of it stands still
    await made.release()


async def test_the_story_and_the_list_agree_on_what_no_worker_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed_saga, "LATE", timedelta(0))
    monkeypatch.setattr(observed_saga, "UPDATE_TIMEOUT", timedelta(seconds=1))
    made = await wait_for_worker(world)
    await until(is_listed(world, made.order_id, late=0))
    (row,) = await listed(world, made.order_id, late=0)
    story = await world.rest(f"/v1/orders/{made.order_id}/story")
    assert [each["trouble"] for each in story["troubles"]] == [row["trouble"]]
    assert (row["trouble"]["kind"], story["needs_attention"]) == (Kind.SLOW, True)
    assert "whether it goes on is not known, as no worker answers" in story["says"]
    await made.release()


async def test_a_failed_refund_is_listed_as_soon_as_its_story_tells_of_it(world: World) -> None:
    """No audit has run since it failed."""
    order_id, _ = await cancelled_with_failed_refund(world)
    assert await rows_of(world, order_id) == []
    story = await world.rest(f"/v1/orders/{order_id}/story")
    assert story["needs_attention"]
    (told,) = story["troubles"]
    assert told["trouble"]["kind"] == Kind.DISCREPANCY
    assert f"saga audit {order_id}" in story["next"]
    await until(is_listed(world, order_id), within=SOON)
    (row,) = await rows_of(world, order_id)
    assert (row["saga_id"], row["trouble"]) == (told["saga_id"], told["trouble"])
    await audit_order(world, order_id)

    async def is_over() -> bool:
        return not await rows_of(world, order_id)

    await until(is_over, within=SOON)
    story = await world.rest(f"/v1/orders/{order_id}/story")
    assert (story["needs_attention"], story["troubles"]) == (False, [])


async def test_a_return_that_was_terminated_while_it_was_blocked_is_told_as_that_alone(
    world: World,
) -> None:
    made = await block_return("restock", "inventory.restock")(world)
    saga_id = return_id(made.order_id)
    before = await world.rest(f"/v1/orders/{made.order_id}/story")
    assert [step["step"] for step in before["blocked"]] == ["restock"]
    await world.client.get_workflow_handle(saga_id).terminate("by mistake")
    world.gates.allow(saga_id)
    told = await read_told(world, made.order_id)
    assert told.story["blocked"] == []
    assert [each["trouble"]["kind"] for each in told.story["troubles"]] == [Kind.ENDED]
    for said in told.sentences:
        assert "waits for an operator" not in said
        assert "resolve restock" not in said
    await until(is_listed(world, made.order_id))
    assert [row["trouble"]["kind"] for row in await listed(world, made.order_id)] == [Kind.ENDED]
    await audited(world)


async def test_what_comes_back_is_found_when_it_came_back(world: World) -> None:
    order_id, _ = await cancelled_with_failed_refund(world)
    findings = backend_of(world).troubles._findings
    (first,) = await findings.look_into(order_id, [workflow_id(order_id)])
    findings._judged = {
        name: type(judged)(None, float("-inf")) for name, judged in findings._judged.items()
    }  # it was over in between
    (again,) = await findings.look_into(order_id, [workflow_id(order_id)])
    assert again.trouble.since > first.trouble.since
