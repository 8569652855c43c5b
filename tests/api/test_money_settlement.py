"""Money of an order that has ended, which nothing gives back: a person says what became of it."""

from typing import Any

import pytest

from contracts.audits import MoneyByHand
from contracts.names import order_of
from tests.api.test_audit_findings import SOON, rows_of
from tests.story.incidents import cancel
from tests.support.gates import AFTER
from tests.support.ledgers import at_the_provider, audit_ledger, why
from tests.support.returns import confirmed
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_one_order_audited import audit_order, with_failed_refund

SLIP = "bank transfer 12"


async def cancelled_with_failed_refund(world: World) -> tuple[str, str]:
    """An order that was cancelled after its charge, whose refund failed later."""
    made = await cancel("payment.charge", AFTER)(world)
    payment = await world.services.payments.for_order(made.order_id)
    await at_the_provider(world, f"/refunds/{payment.refund_id}/fail")
    return made.order_id, made.sku


async def settle(world: World, order_id: str, **word: Any) -> tuple[int, dict[str, Any]]:
    answer = await world.http.post(f"/v1/orders/{order_id}/settle", json=word)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("make", "action", "step", "state"),
    [
        (with_failed_refund, "mark_done", "refund_payment", "settled_by_hand"),
        (with_failed_refund, "skip", "refund_payment", "written_off"),
        (cancelled_with_failed_refund, "mark_done", "charge_payment", "settled_by_hand"),
    ],
    ids=["returned", "returned-kept", "cancelled"],
)
async def test_money_that_a_person_has_answered_for_is_named_and_left_alone(
    world: World, make: Any, action: str, step: str, state: str
) -> None:
    order_id, _ = await make(world)
    before = await world.order(order_id)
    assert why(await audit_ledger(world, repair=False), order_id) == ["refund_failed"]
    await until(lambda: is_listed(world, order_id), within=SOON)
    (row,) = await rows_of(world, order_id)
    assert f"saga settle {order_id}" in row["trouble"]["way_out"]

    code, settled = await settle(world, order_id, action=action, evidence=SLIP)
    assert (code, settled["step"], settled["action"]) == (200, step, action)
    assert (settled["who"], settled["evidence"]) == (OPERATOR, SLIP)
    assert order_of(settled["saga_id"]) == order_id
    assert settled["means"].startswith("this ")

    await until(lambda: is_over(world, order_id), within=SOON)
    report = await audit_ledger(world)
    assert why(report, order_id) == []
    named = MoneyByHand(
        order_id=order_id,
        amount=before.total,
        action=action,
        who=OPERATOR,
        evidence=SLIP,
        recorded=False,
    )
    assert named in report.books.named
    captured, refunded = await world.provider.fetch_moved(order_id)
    assert captured - refunded == before.total.minor  # nothing was sent
    order = await world.rest(f"/v1/orders/{order_id}")
    assert order["settled_by_hand"] == [{"step": step, "action": action}]
    assert order["status"] == before.status
    story = await world.rest(f"/v1/orders/{order_id}/story")
    assert (story["needs_attention"], story["money"]["state"]) == (False, state)
    code, again = await settle(world, order_id, action=action, evidence="once more")
    assert (code, again["code"]) == (409, "step_not_blocked")


async def is_listed(world: World, order_id: str) -> bool:
    return bool(await rows_of(world, order_id))


async def is_over(world: World, order_id: str) -> bool:
    return not await rows_of(world, order_id)


async def test_money_is_settled_only_where_it_was_to_go_back_and_by_evidence(world: World) -> None:
    order, _ = await confirmed(world)
    code, refused = await settle(world, order.id, action="mark_done", evidence=SLIP)
    assert (code, refused["code"]) == (409, "step_not_blocked")
    returned, _ = await with_failed_refund(world)
    await audit_order(world, returned)  # it went back
    code, refused = await settle(world, returned, action="skip", evidence=SLIP)
    assert (code, refused["code"]) == (409, "step_not_blocked")
    for wrong in ({"action": "retry", "evidence": SLIP}, {"action": "skip", "evidence": ""}):
        assert (await settle(world, order.id, **wrong))[0] == 422
    assert (await settle(world, "ord_nope", action="skip", evidence=SLIP))[0] == 404
