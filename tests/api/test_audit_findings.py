"""What an audit found of an order and left is in the list of trouble, as long as it is so."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.discrepancies import REMEDIES
from api.story.attention import list_attention
from api.temporal.troubles import Kind
from api.trouble import audit_findings
from api.trouble.audit_findings import AuditFindings
from api.trouble.finding_words import explain_money, explain_orphan
from api.trouble.trouble_list import TroubleList
from api.trouble.trouble_watch import TroubleWatch
from cli.operate.stuck import _row
from console.dependencies import ConsoleBackend
from console.pages.attention import _parts
from console.settings import Settings
from contracts.base import Money
from contracts.ledgers import Discrepancy, Remedy, WhyKept
from contracts.names import order_of
from contracts.orphans import Orphan, Why
from contracts.orphans import Remedy as OfSaga
from tests.api.test_idempotency import forget
from tests.support.gates import AFTER
from tests.support.ledgers import at_the_provider, audit_ledger, charged_by_hand
from tests.support.returns import ask, confirmed, ended
from tests.support.silence import silence
from tests.support.telling import backend_of
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_one_order_audited import audit_order, with_failed_refund

SOON = 10.0  # seconds in which whoever asks is told of it, and told of it no more
LATE = timedelta(days=1)  # nothing of these tests is
OPENED = datetime.now(UTC)


@dataclass(frozen=True)
class Found:
    """An order of which an audit has found something, and how it is put right."""

    order_id: str
    put_right: Callable[[], Awaitable[Any]]


async def fail_refund(world: World) -> Found:
    order_id, _ = await with_failed_refund(world)
    await audit_order(world, order_id, repair=False)
    return Found(order_id, lambda: audit_order(world, order_id))


async def refund_in_part(world: World) -> Found:
    order, _ = await confirmed(world)
    payment = await world.services.payments.for_order(order.id)
    assert payment.intent_id is not None
    await at_the_provider(world, "/v1/refunds", payment_intent=payment.intent_id, amount="300")
    await audit_order(world, order.id)

    async def put_right() -> None:
        assert await ask(world, order) == 202
        await ended(world, order)

    return Found(order.id, put_right)


async def capture_twice(world: World) -> Found:
    order, _ = await confirmed(world)
    return await _charge_by_hand(world, order.id)


async def capture_for_nobody(world: World) -> Found:
    return await _charge_by_hand(world, f"ord_stray{uuid4().hex[:20]}")


async def _charge_by_hand(world: World, order_id: str) -> Found:
    intent_id = await charged_by_hand(world, order_id)
    await audit_ledger(world)
    return Found(order_id, lambda: at_the_provider(world, "/v1/refunds", payment_intent=intent_id))


async def lose_workflow(world: World) -> Found:
    order_id, _, gate = await world.stopped_at("inventory.reserve", AFTER)
    world.gates.remove(f"order-{order_id}")
    await forget(world, order_id)
    await audit_order(world, order_id, repair=False)

    async def put_right() -> None:
        await audit_order(world, order_id)
        await gate.open()

    return Found(order_id, put_right)


MADE = (
    (fail_refund, "the refund failed later", "saga audit {}", 1000, 0),
    (refund_in_part, "3.00 EUR of its price is not at the provider", "order return {}", 0, 300),
    (capture_twice, "does not pay for its order", "refund pi_", 700, 0),
    (capture_for_nobody, "its order is on no record", "refund pi_", 700, 0),
    (lose_workflow, "Temporal has no workflow of it", "saga audit {}", 0, 0),
)


async def rows_of(world: World, order_id: str) -> list[dict[str, Any]]:
    rows = await world.rest_items("/v1/sagas?attention=true&late=86400&limit=500")
    return [row for row in rows if order_of(row["saga_id"]) == order_id]


@pytest.mark.parametrize("row_told", MADE, ids=[each[0].__name__ for each in MADE])
async def test_what_an_audit_found_is_listed_as_long_as_it_is_so(
    world: World, row_told: tuple[Callable[[World], Awaitable[Found]], str, str, int, int]
) -> None:
    make, why, helps, money, missing = row_told
    found = await make(world)
    rows: list[dict[str, Any]] = []

    async def is_listed() -> bool:
        rows[:] = await rows_of(world, found.order_id)
        return bool(rows)

    await until(is_listed, within=SOON)
    (row,) = rows
    trouble, stake = row["trouble"], row["stake"]
    assert trouble["kind"] == Kind.DISCREPANCY
    assert why in trouble["why"]
    assert helps.format(found.order_id) in trouble["way_out"]
    assert OPENED < datetime.fromisoformat(trouble["since"]) < datetime.now(UTC)
    assert stake["money"]["minor"] == money
    assert (stake["missing"] or {"minor": 0})["minor"] == missing
    assert _row(row).missing == missing
    await is_on_the_console_and_in_the_metric(world, row["saga_id"])
    await found.put_right()

    async def is_over() -> bool:
        return not await rows_of(world, found.order_id)

    await until(is_over, within=SOON)


async def is_on_the_console_and_in_the_metric(world: World, saga_id: str) -> None:
    deps = ConsoleBackend.extend(backend_of(world), Settings())
    assert f"trouble-{saga_id}" in (await _parts(deps))["troubles"]
    count = await deps.board.count_attention()
    assert count is None or count > 0
    assert (await TroubleWatch(deps.troubles).look())[Kind.DISCREPANCY] > 0


@pytest.mark.parametrize("why", WhyKept)
def test_each_kind_of_money_has_its_words_and_its_way_out(why: WhyKept) -> None:
    amount = Money(minor=900, currency="EUR")
    about = {"intent_id": "pi_1", "order_id": "ord_1", "saga_id": "order-ord_1"}
    remedy = REMEDIES.get(why, Remedy.REPORT)
    found = Discrepancy(**about, amount=amount, why=why, remedy=remedy)
    told = explain_money(found, OPENED, "")
    assert "ledger.md" in told.way_out
    assert "{" not in told.why + told.way_out


@pytest.mark.parametrize("why", Why)
def test_each_kind_of_saga_has_its_words_and_its_way_out(why: Why) -> None:
    orphan = Orphan(saga_id="order-ord_1", order_id="ord_1", why=why)
    assert "saga audit ord_1" in explain_orphan(orphan, OPENED, "").way_out
    left = orphan.model_copy(update={"remedy": OfSaga.REPORT, "way_out": "look at it"})
    assert explain_orphan(left, OPENED, "").way_out == "look at it"


async def test_a_finding_that_nobody_can_judge_now_is_told_as_found_and_not_as_so(
    world: World,
) -> None:
    found = await fail_refund(world)
    services = replace(world.services, payments=silence(world.services.payments, "kept_of"))
    rows = await list_attention(services, TroubleList(world.client, services), LATE, 500)
    (row,) = [row for row in rows if order_of(row.saga_id) == found.order_id]
    assert row.trouble is not None
    assert row.trouble.why.startswith("an audit found that ")
    assert "whether it still is so is not known" in row.trouble.why
    await found.put_right()


async def test_what_was_seen_to_be_over_does_not_come_back_when_nobody_can_judge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_findings, "FRESH", 0.0)
    findings = AuditFindings(world.client, world.services)
    found = await fail_refund(world)

    async def is_listed() -> bool:
        rows = await findings.list_standing()
        return found.order_id in {order_of(row.saga_id) for row in rows}

    async def is_over() -> bool:
        return not await is_listed()

    await until(is_listed, within=SOON)
    await found.put_right()
    await until(is_over, within=SOON)
    silent = replace(world.services, payments=silence(world.services.payments, "kept_of"))
    monkeypatch.setattr(findings, "_judge", AuditFindings(world.client, silent)._judge)
    assert await is_over()


async def test_all_who_ask_within_a_moment_share_one_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[timedelta] = []
    troubles = TroubleList(world.client, world.services)
    look = troubles._look

    async def counted(late: timedelta) -> Any:
        looks.append(late)
        return await look(late)

    monkeypatch.setattr(troubles, "_look", counted)
    found = await asyncio.gather(*(troubles.find(timedelta(seconds=60)) for _ in range(20)))
    assert len(looks) == 1
    assert all(rows == found[0] for rows in found)
