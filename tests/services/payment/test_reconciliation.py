"""What the provider keeps is adopted, given back or left, by whose it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.payments import ChargePayment, GiveBack, Kept, Payment, PaymentStatus
from saga.participant import Compensated, Rejected, StepKey, Unavailable
from services.payment.provider.idempotency_keys import following
from tests.services.payment.stack import Stack, an_order, until_answered

DAYS = timedelta(days=30)


async def lose(stack: Stack, key: StepKey, order_id: str, *, back_to: str) -> None:
    """The database is restored to a moment before its charge, or amid it."""
    step = {"saga": key.saga_id, "step": key.step}
    async with stack.database.transaction() as tx:
        if back_to == "before":
            gone = "DELETE FROM barrier WHERE saga_id = :saga AND step = :step"
            await tx.execute(text(gone), step)
            await tx.execute(text("DELETE FROM payments WHERE order_id = :its"), {"its": order_id})
            return
        open_again = """UPDATE barrier SET state = 'started', reply = NULL
            WHERE saga_id = :saga AND step = :step"""
        await tx.execute(text(open_again), step)
        intent = ", intent_id = NULL" if back_to == "no intent" else ""
        row = f"UPDATE payments SET status = 'created'{intent} WHERE order_id = :its"
        await tx.execute(text(row), {"its": order_id})


async def listed(stack: Stack, order_id: str, *, by: str = "kept_by_provider") -> list[Kept]:
    """What a list of the provider says of the order."""
    now, cursor, found = datetime.now(UTC) + timedelta(minutes=1), None, []
    while True:
        page = await getattr(stack.payments, by)(now - DAYS, now, cursor)
        found += [each for each in page.items if each.order_id == order_id]
        if (cursor := page.next_cursor) is None:
            return found


async def charged(stack: Stack) -> tuple[StepKey, ChargePayment, Payment]:
    key, command = an_order()
    return key, command, await stack.payments.charge(key, command)


async def net(stack: Stack, order_id: str) -> int:
    """What is left of the order's money, by the double-entry ledger."""
    ledger = await stack.sandbox.ledger(order_id)
    assert ledger["balanced"]
    return int(sum(ledger["captured"].values()) - sum(ledger["refunded"].values()))


def intent_of(payment: Payment) -> str:
    assert payment.intent_id is not None
    return payment.intent_id


async def test_what_was_made_in_the_second_of_the_periods_end_is_listed(stack: Stack) -> None:
    _, command, _ = await charged(stack)
    now = datetime.now(UTC)
    page = await stack.payments.kept_by_provider(now - timedelta(seconds=30), now, None)
    assert command.order_id in {each.order_id for each in page.items}


@pytest.mark.parametrize("back_to", ["before", "no intent", "amid"])
async def test_a_charge_that_was_lost_is_adopted_once_and_can_be_returned(
    stack: Stack, back_to: str
) -> None:
    key, command, captured = await charged(stack)
    await lose(stack, key, command.order_id, back_to=back_to)
    kept = (await listed(stack, command.order_id))[0]
    assert (kept.known, kept.marked) == (back_to == "amid", True)
    for _ in range(2):
        assert await stack.payments.adopt(key, command, intent_of(captured)) == captured
    assert await stack.payments.charge(key, command) == captured  # a second life's
    assert await stack.entries(command.order_id) == ["capture"]
    returning = StepKey(saga_id=f"return-{command.order_id}", step="refund_payment")
    back = GiveBack(order_id=command.order_id, amount=command.amount)
    assert (await stack.payments.give_back(returning, back)).status == PaymentStatus.REFUNDED
    assert await net(stack, command.order_id) == 0


@pytest.mark.parametrize(
    "how", ["another order", "another saga", "another step", "another amount", "refunded in part"]
)
async def test_only_the_charge_that_was_lost_is_adopted(stack: Stack, how: str) -> None:
    key, command, captured = await charged(stack)
    await lose(stack, key, command.order_id, back_to="before")
    if how == "another order":
        command = command.model_copy(update={"order_id": "ord_another"})
    if how == "another saga":
        key = replace(key, saga_id="copy")
    if how == "another step":
        key = replace(key, step="other")
    if how == "another amount":
        less = command.amount.model_copy(update={"minor": 1})
        command = command.model_copy(update={"amount": less})
    if how == "refunded in part":
        await stack.sandbox.post("/v1/refunds", None, payment_intent=captured.intent_id, amount=1)
    with pytest.raises(Rejected) as refused:
        await stack.payments.adopt(key, command, intent_of(captured))
    assert refused.value.code == "not_adoptable"
    assert await stack.payments.of_orders([command.order_id]) == []


async def test_a_charge_that_was_undone_here_is_not_adopted(stack: Stack) -> None:
    key, command, captured = await charged(stack)
    await lose(stack, key, command.order_id, back_to="before")
    await stack.payments.refund(key, command)  # finds nothing, and leaves its tombstone
    with pytest.raises(Compensated):
        await stack.payments.adopt(key, command, intent_of(captured))
    # As the order ended without it, its money goes back by the audit.
    await stack.payments.settle(intent_of(captured), command.order_id)
    assert await net(stack, command.order_id) == 0


@pytest.mark.parametrize("kind", ["stored_500", "done_500", "fails later", "after a part"])
async def test_money_that_has_no_payment_here_goes_back_past_failures(
    stack: Stack, kind: str
) -> None:
    key, command, captured = await charged(stack)
    await lose(stack, key, command.order_id, back_to="before")
    if kind == "fails later":
        refund_id = await stack.payments.settle(intent_of(captured), command.order_id)
        await stack.sandbox.fail_refund(refund_id)
    elif kind == "after a part":
        await stack.sandbox.post("/v1/refunds", None, payment_intent=captured.intent_id, amount=1)
        await stack.sandbox.fault("refund", "stored_500", command.order_id)
    else:
        await stack.sandbox.fault("refund", kind, command.order_id)
    refund_id = await stack.payments.settle(intent_of(captured), command.order_id)
    assert await net(stack, command.order_id) == 0
    assert await stack.payments.settle(intent_of(captured), command.order_id) == refund_id


async def test_what_ended_is_given_back_once_and_a_late_charge_is_refused(stack: Stack) -> None:
    key, command = an_order("pm_sandbox_reply_lost")
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    intent_id = intent_of(await stack.payments.for_order(command.order_id))
    refund_id = await stack.payments.settle(intent_id, command.order_id)
    assert await stack.payments.settle(intent_id, command.order_id) == refund_id
    with pytest.raises(Compensated):
        await stack.payments.charge(key, command)
    undone = await stack.payments.refund(key, command)
    assert (undone.status, undone.refund_id) == (PaymentStatus.REFUNDED, refund_id)
    assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_a_returned_orders_charge_stays_on_record_when_its_rest_is_given_back(
    stack: Stack,
) -> None:
    key, command, captured = await charged(stack)
    await stack.payments.settle(intent_of(captured), command.order_id)
    assert await stack.payments.charge(key, command) == captured


async def rename_installation(stack: Stack) -> None:
    """This database is another installation's from now on."""
    async with stack.database.transaction() as tx:
        await tx.execute(text("UPDATE installation SET id = 'ins_of_another'"))


@pytest.mark.parametrize("operation", ["adopt", "settle"])
async def test_what_another_installation_captured_is_left_and_counted(
    stack: Stack, operation: str
) -> None:
    key, command, captured = await charged(stack)
    await lose(stack, key, command.order_id, back_to="before")
    await rename_installation(stack)
    assert await listed(stack, command.order_id) == []
    now = datetime.now(UTC) + timedelta(minutes=1)
    assert (await stack.payments.kept_by_provider(now - DAYS, now, None)).foreign >= 1

    async def ask() -> None:
        if operation == "adopt":
            await stack.payments.adopt(key, command, intent_of(captured))
        else:
            await stack.payments.settle(intent_of(captured), command.order_id)

    with pytest.raises(Rejected) as refused:
        await ask()
    assert refused.value.code in {"not_adoptable", "not_ours"}
    assert await stack.entries(command.order_id) == ["capture"]


async def test_an_intent_that_does_not_say_whose_it_is_is_not_given_back(stack: Stack) -> None:
    """Made by a release before, of this installation or of another; or by hand."""
    key, command = an_order()
    await stack.begun_by_the_release_before(key, command)
    captured = await stack.payments.charge(key, command)
    kept = (await listed(stack, command.order_id))[0]
    assert (kept.known, kept.marked) == (True, False)
    await lose(stack, key, command.order_id, back_to="before")
    with pytest.raises(Rejected) as refused:
        await stack.payments.settle(intent_of(captured), command.order_id)
    assert refused.value.code == "not_ours"
    # A confirmed order says that it is ours.
    assert await stack.payments.adopt(key, command, intent_of(captured)) == captured
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.REFUNDED
    assert await net(stack, command.order_id) == 0


async def given_back(stack: Stack) -> tuple[ChargePayment, Payment]:
    key, command, _ = await charged(stack)
    return command, await stack.payments.refund(key, command)


@pytest.mark.parametrize("expired", [False, True])
async def test_a_refund_that_failed_later_is_named_and_made_again(
    stack: Stack, *, expired: bool
) -> None:
    command, refunded = await given_back(stack)
    assert await listed(stack, command.order_id, by="refunded_by_provider") == []
    await stack.sandbox.fail_refund(refunded.refund_id)
    if expired:
        stack.sandbox.forget_idempotency_keys()
    found = await listed(stack, command.order_id, by="refunded_by_provider")
    assert [(each.amount, each.payment) for each in found] == [(command.amount, "refunded")]
    before = (await stack.row(command.order_id))["refund_key"]
    again = await stack.payments.settle(found[0].intent_id, command.order_id)
    assert await stack.payments.settle(found[0].intent_id, command.order_id) == again
    assert await net(stack, command.order_id) == 0
    row = await stack.row(command.order_id)
    assert (row["status"], row["refund_id"]) == ("refunded", again)
    assert row["refund_id"] != refunded.refund_id
    assert row["refund_key"] == (before if expired else following(before))
    assert await listed(stack, command.order_id, by="refunded_by_provider") == []


async def test_a_refund_that_keeps_failing_is_left_to_people(stack: Stack) -> None:
    command, refunded = await given_back(stack)
    intent_id, refund_id = intent_of(refunded), refunded.refund_id
    for _ in range(2):
        await stack.sandbox.fail_refund(refund_id)
        refund_id = await stack.payments.settle(intent_id, command.order_id)
    await stack.sandbox.fail_refund(refund_id)
    with pytest.raises(Rejected) as refused:
        await stack.payments.settle(intent_id, command.order_id)
    assert refused.value.code == "refund_keeps_failing"
    kinds = await stack.entries(command.order_id)
    assert kinds == ["capture", *["refund", "refund_failure"] * 3]


async def test_a_lost_reply_of_a_refund_that_has_failed_meanwhile_is_not_believed(
    stack: Stack,
) -> None:
    """The stored reply says that it succeeded; the balance says that the money is here."""
    key, command, captured = await charged(stack)
    async with stack.refund_reply_lost():
        with pytest.raises(Unavailable):
            await stack.payments.refund(key, command)
    refunds = await stack.sandbox.get("/v1/refunds", payment_intent=captured.intent_id)
    await stack.sandbox.fail_refund(refunds["data"][0]["id"])
    with pytest.raises(Rejected) as refused:
        await stack.payments.refund(key, command)
    assert refused.value.code == "refund_failed"
    refunded = await until_answered(lambda: stack.payments.refund(key, command))
    assert refunded.status == PaymentStatus.REFUNDED
    assert await net(stack, command.order_id) == 0


async def test_settling_gets_past_a_stored_failure(stack: Stack) -> None:
    _, command, captured = await charged(stack)
    await stack.sandbox.fault("refund", "stored_500", command.order_id, times=2)
    await until_answered(lambda: stack.payments.settle(intent_of(captured), command.order_id))
    assert await stack.entries(command.order_id) == ["capture", "refund"]


@pytest.mark.parametrize("amount", [{}, {"amount": 1}], ids=["all", "a part"])
async def test_a_refund_by_hand_of_a_captured_payment_is_named(
    stack: Stack, amount: dict[str, Any]
) -> None:
    _, command, captured = await charged(stack)
    await stack.sandbox.post("/v1/refunds", None, payment_intent=captured.intent_id, **amount)
    for by in ("kept_by_provider", "refunded_by_provider"):
        (found,) = await listed(stack, command.order_id, by=by)
        left = 0 if not amount else command.amount.minor - 1
        assert (found.amount.minor, found.captured, found.payment) == (
            left,
            command.amount,
            "captured",
        )
