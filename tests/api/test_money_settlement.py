"""Money of an order that has ended, which nothing gives back: a person says what became of it."""

import asyncio
from contextlib import closing
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from cli.client import Api, ApiError
from cli.operate.audit import describe_named
from cli.operate.resolve_cancel_return import Settlement
from contracts.audits import MoneyByHand
from contracts.names import order_of
from tests.api.test_audit_findings import SOON, rows_of
from tests.story.blocked import block
from tests.story.incidents import cancel
from tests.support.gates import AFTER
from tests.support.ledgers import at_the_provider, audit_ledger, why
from tests.support.returns import ask, confirmed, ended
from tests.support.silence import silence
from tests.support.tokens import OPERATOR, bearer
from tests.support.waiting import until
from tests.support.wire import serve
from tests.support.world import World, api_app
from tests.workflows.test_audit import audited, terminated_at
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


async def with_goodwill(world: World) -> tuple[str, str]:
    """A confirmed order, of whose price somebody gave 3.00 back at the provider."""
    order, sku = await confirmed(world)
    payment = await world.services.payments.for_order(order.id)
    form = {"payment_intent": payment.intent_id, "amount": "300"}
    await at_the_provider(world, "/v1/refunds", **form)
    return order.id, sku


@pytest.mark.parametrize(
    ("action", "said"), [("skip", "left to the customer"), ("mark_done", "paid by other means")]
)
async def test_what_a_confirmed_order_lacks_is_listed_until_a_person_answers_for_it(
    world: World, action: str, said: str
) -> None:
    order_id, _ = await with_goodwill(world)
    assert why(await audit_ledger(world), order_id) == ["missing"]
    await until(lambda: is_listed(world, order_id), within=SOON)
    (row,) = await rows_of(world, order_id)
    assert f"saga settle {order_id} --kept --evidence" in row["trouble"]["way_out"]
    before = await world.rest(f"/v1/orders/{order_id}/story")
    assert before["needs_attention"]

    code, preview = await settle(world, order_id, action=action, evidence=SLIP, dry_run=True)
    assert (code, preview["covers"]) == (200, {"minor": 300, "currency": "EUR"})
    assert (await world.rest(f"/v1/orders/{order_id}"))["settled_by_hand"] == []
    code, settled = await settle(world, order_id, action=action, evidence=SLIP)
    assert (code, settled["means"]) == (200, preview["means"])

    await until(lambda: is_over(world, order_id), within=SOON)
    report = await audit_ledger(world)
    assert why(report, order_id) == []
    (named,) = [money for money in report.books.named if money.order_id == order_id]
    assert said in describe_named(named)
    assert "3.00 EUR of its price" in describe_named(named)
    story = await world.rest(f"/v1/orders/{order_id}/story")
    assert (story["needs_attention"], story["status"]) == (False, "confirmed")
    assert f"{OPERATOR} says that {settled['means']} ({SLIP})." in story["says"]
    code, again = await settle(world, order_id, action=action, evidence="once more")
    assert (code, again["code"]) == (409, "step_not_blocked")
    assert SLIP in again["detail"]

    payment = await world.services.payments.for_order(order_id)
    more = {"payment_intent": payment.intent_id, "amount": "100"}
    await at_the_provider(world, "/v1/refunds", **more)  # of which nobody has said anything
    (found,) = [each for each in (await audit_ledger(world)).ledger if each.order_id == order_id]
    assert (found.why, found.amount.minor) == ("missing", 400)


async def test_a_return_after_a_goodwill_gives_back_what_is_left_and_is_watched_as_any(
    world: World,
) -> None:
    order_id, _ = await with_goodwill(world)
    assert (await settle(world, order_id, action="skip", evidence=SLIP))[0] == 200
    order = await world.order(order_id)
    assert await ask(world, order) == 202
    await ended(world, order)
    captured, refunded = await world.provider.fetch_moved(order_id)
    assert captured == refunded
    payment = await world.services.payments.for_order(order_id)
    await at_the_provider(world, f"/refunds/{payment.refund_id}/fail")
    assert why(await audit_ledger(world, repair=False), order_id) == ["refund_failed"]
    await audit_order(world, order_id)


def silent_api(world: World) -> Any:
    """An API whose provider does not answer."""
    silent = silence(world.services.payments, "kept_of")
    return serve(api_app(world.client, replace(world.services, payments=silent)))


@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_the_preview_refuses_the_word_refuses_for_the_same_true_reason(
    world: World, *, dry_run: bool
) -> None:
    word = {"action": "skip", "evidence": SLIP, "dry_run": dry_run}
    made = await block("charge_payment")(world)
    code, refused = await settle(world, made.order_id, **word)
    assert (code, refused["code"]) == (409, "step_not_blocked")
    assert "is blocked, so its saga answers for its money" in refused["detail"]
    assert "saga resolve" in refused["detail"]
    await made.release()

    order_id, sku, gate = await terminated_at(world, "payment.charge", AFTER)
    code, refused = await settle(world, order_id, **word)
    assert (code, refused["code"]) == (409, "step_not_blocked")
    assert f"ended from outside saga audit {order_id}" in refused["detail"]
    await audited(world)
    await gate.open()
    await world.settled(order_id, sku, "cancelled")

    returned, _ = await with_failed_refund(world)
    async with silent_api(world) as served:
        url = f"http://127.0.0.1:{served.port}/v1/orders/{returned}/settle"
        async with httpx2.AsyncClient(headers=bearer()) as client:
            answer = await client.post(url, json=word)
    assert answer.status_code == 503
    await audit_order(world, returned)


async def test_the_commands_preview_is_the_words(world: World) -> None:
    order_id, _ = await with_failed_refund(world)
    async with serve(api_app(world.client, world.services)) as served:
        token = bearer()["Authorization"].removeprefix("Bearer ")
        with closing(Api(f"http://127.0.0.1:{served.port}", token)) as api:
            said = Settlement(api, "mark_done", SLIP)
            preview = await asyncio.to_thread(said.preview, order_id)
            done = await asyncio.to_thread(said.say, order_id)
            with pytest.raises(ApiError, match="has answered for it: bank transfer 12"):
                await asyncio.to_thread(said.preview, order_id)
    assert preview == f"would have {done}"
    assert done.startswith("you say of 10.00 EUR that this was done by other means")


async def test_money_is_settled_only_where_it_was_to_go_back_and_by_evidence(world: World) -> None:
    order, _ = await confirmed(world)
    code, refused = await settle(world, order.id, action="mark_done", evidence=SLIP)
    assert (code, refused["code"]) == (409, "step_not_blocked")
    returned, _ = await with_failed_refund(world)
    await audit_order(world, returned)  # it went back
    code, refused = await settle(world, returned, action="skip", evidence=SLIP)
    assert (code, refused["code"]) == (409, "step_not_blocked")
    no_word = {"action": "retry", "evidence": SLIP}
    for wrong in (no_word, *({"action": "skip", "evidence": dots} for dots in ("", "…", "..."))):
        assert (await settle(world, order.id, **wrong))[0] == 422
    assert (await settle(world, "ord_nope", action="skip", evidence=SLIP))[0] == 404
