"""A provider that takes its time, forgets its keys after a day, or changes its mind about a refund.

Never is anybody charged twice, no money is lost, and what is not decided is not guessed.
"""

import pytest

from contracts.payments import PaymentStatus
from saga.participant import Compensated, Rejected, Unavailable
from services.payment.provider.errors import StoredFailure
from services.payment.service import Payments
from tests.services.payment.stack import Stack, an_order, provider_at, until_answered
from tests.services.payment.test_reconciliation import intent_of, listed, net
from tests.services.payment.test_stored_failures import intents

DECLINED = "pm_sandbox_processing_declined"
POINTS = {
    "create": "after POST /v1/payment_intents",
    "confirm": "after POST /v1/payment_intents/.*/confirm",
    "refund": "after POST /v1/refunds",
}


@pytest.mark.parametrize("operation", ["create", "confirm", "refund", "cancel"])
async def test_an_answer_that_comes_after_our_time_out_is_asked_for_again(
    stack: Stack, operation: str
) -> None:
    """The request goes on at the provider, so its key is in use for whoever asks at once."""
    key, command = an_order("pm_sandbox_down" if operation == "cancel" else "pm_card_visa")
    if operation == "refund":
        await stack.payments.charge(key, command)
    if operation == "cancel":
        with pytest.raises(Unavailable):
            await stack.payments.charge(key, command)
    await stack.sandbox.fault(operation, "slow", command.order_id)
    impatient = provider_at(stack.sandbox, timeout=0.3)
    payments = Payments(stack.database, impatient)
    charging = operation in {"create", "confirm"}
    with pytest.raises(Unavailable, match=r"payment provider: no answer within 0\.3 s"):
        await (payments.charge if charging else payments.refund)(key, command)
    await impatient.close()
    if charging:
        await until_answered(lambda: stack.payments.charge(key, command))
        assert await stack.entries(command.order_id) == ["capture"]
    undone = await until_answered(lambda: stack.payments.refund(key, command))
    assert undone.status == (PaymentStatus.VOIDED if operation == "cancel" else "refunded")
    await stack.assert_nothing_kept(command.order_id)


async def test_a_charge_that_is_processed_is_asked_for_until_it_is_captured(stack: Stack) -> None:
    key, command = an_order("pm_sandbox_processing")
    with pytest.raises(Unavailable) as undecided:
        await stack.payments.charge(key, command)
    assert undecided.value.retry_after == 1.0
    assert await stack.entries(command.order_id) == []
    assert (await until_answered(lambda: stack.payments.charge(key, command))).holds_money
    assert await stack.entries(command.order_id) == ["capture"]


async def test_a_charge_that_is_declined_after_it_was_processed_is_rejected_and_undone(
    stack: Stack,
) -> None:
    key, command = an_order(DECLINED)
    for _ in range(2):
        with pytest.raises(Rejected) as refused:
            await until_answered(lambda: stack.payments.charge(key, command))
        assert refused.value.code == "generic_decline"
    voided = await until_answered(lambda: stack.payments.refund(key, command))
    assert voided.status == PaymentStatus.VOIDED
    assert await intents(stack, command.order_id) == ["canceled"]
    assert await stack.entries(command.order_id) == []


@pytest.mark.parametrize("method", ["pm_sandbox_processing", DECLINED])
async def test_a_charge_that_is_undone_while_it_is_processed_keeps_nothing(
    stack: Stack, method: str
) -> None:
    """Nobody can call it back, so the undoing waits for what comes of it."""
    key, command = an_order(method)
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    with pytest.raises(Unavailable) as undecided:
        await stack.payments.refund(key, command)
    assert undecided.value.retry_after == 1.0
    assert (await stack.row(command.order_id))["status"] == "created"
    with pytest.raises(Compensated):
        await stack.payments.charge(key, command)
    undone = await until_answered(lambda: stack.payments.refund(key, command))
    captured = method != DECLINED
    assert undone.status == (PaymentStatus.REFUNDED if captured else PaymentStatus.VOIDED)
    assert await stack.entries(command.order_id) == (["capture", "refund"] if captured else [])


async def test_a_charge_that_settles_after_its_keys_expired_is_captured_once(stack: Stack) -> None:
    key, command = an_order("pm_sandbox_processing")
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    await stack.sandbox.pass_time(hours=24, order=command.order_id)
    await stack.sandbox.settle((await stack.row(command.order_id))["intent_id"])
    assert (await stack.payments.charge(key, command)).status == PaymentStatus.CAPTURED
    assert await stack.entries(command.order_id) == ["capture"]


@pytest.mark.parametrize("ending", ["captured", "undone"])
@pytest.mark.parametrize("operation", ["create", "confirm"])
async def test_a_charge_whose_reply_was_lost_a_day_ago_moves_money_once(
    stack: Stack, operation: str, ending: str
) -> None:
    """The key is forgotten, so the same request would be a new one."""
    key, command = an_order()
    async with stack.reply_lost(POINTS[operation]):
        with pytest.raises(Unavailable):
            await stack.payments.charge(key, command)
    await stack.sandbox.pass_time(hours=24, order=command.order_id)
    if ending == "captured":
        assert (await stack.payments.charge(key, command)).status == PaymentStatus.CAPTURED
        assert await stack.entries(command.order_id) == ["capture"]
    else:
        await stack.payments.refund(key, command)
        await stack.assert_nothing_kept(command.order_id)
    # An intent that was made by a forgotten key is never confirmed.
    found = await intents(stack, command.order_id)
    assert found.count("succeeded") <= 1
    assert {*found} <= {"succeeded", "requires_confirmation", "canceled"}


@pytest.mark.parametrize("kind", ["stored_500", "done_500"])
@pytest.mark.parametrize("operation", ["create", "confirm", "refund"])
async def test_a_failure_that_was_kept_for_a_day_moves_money_once(
    stack: Stack, operation: str, kind: str
) -> None:
    """Nothing looks what stands until the key is forgotten; then another one is used already."""
    key, command = an_order()
    if operation == "refund":
        await stack.payments.charge(key, command)
    await stack.sandbox.fault(operation, kind, command.order_id)
    ask = stack.payments.refund if operation == "refund" else stack.payments.charge
    if (operation, kind) in {("confirm", "done_500"), ("refund", "done_500")}:
        await ask(key, command)  # what stands tells
    else:
        with pytest.raises(StoredFailure):
            await ask(key, command)
    await stack.sandbox.pass_time(hours=24, order=command.order_id)
    await ask(key, command)
    if operation != "refund":
        assert await stack.entries(command.order_id) == ["capture"]
        await stack.payments.refund(key, command)
    assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_a_part_that_was_given_back_by_hand_leaves_the_rest_for_a_forgotten_key(
    stack: Stack,
) -> None:
    key, command = an_order()
    captured = await stack.payments.charge(key, command)
    async with stack.refund_reply_lost():
        await stack.sandbox.fault("refund", "plain_500", command.order_id)
        with pytest.raises(Unavailable):
            await stack.payments.refund(key, command)
    await stack.sandbox.post("/v1/refunds", None, payment_intent=captured.intent_id, amount=100)
    await stack.sandbox.pass_time(hours=24, order=command.order_id)
    await until_answered(lambda: stack.payments.refund(key, command))
    assert await net(stack, command.order_id) == 0
    assert await stack.entries(command.order_id) == ["capture", "refund", "refund"]


async def test_a_refund_that_is_pending_counts_until_it_fails(stack: Stack) -> None:
    key, command = an_order("pm_card_pendingRefund")
    await stack.payments.charge(key, command)
    refunded = await stack.payments.refund(key, command)
    assert refunded.status == PaymentStatus.REFUNDED
    assert await net(stack, command.order_id) == 0
    await stack.sandbox.fail_refund(refunded.refund_id)
    (found,) = await listed(stack, command.order_id, by="refunded_by_provider")
    assert (found.amount, found.payment) == (command.amount, PaymentStatus.REFUNDED)
    await stack.payments.settle(intent_of(refunded), command.order_id)
    assert await net(stack, command.order_id) == 0
    assert await stack.entries(command.order_id) == [
        "capture",
        *("refund", "refund_failure"),
        "refund",
    ]


async def test_a_card_whose_refunds_all_fail_is_left_to_people_with_its_money_named(
    stack: Stack,
) -> None:
    key, command = an_order("pm_card_refundFail")
    await stack.payments.charge(key, command)
    refunded = await stack.payments.refund(key, command)
    (found,) = await listed(stack, command.order_id, by="refunded_by_provider")
    assert found.amount == command.amount
    for _ in range(2):
        await stack.payments.settle(intent_of(refunded), command.order_id)
    with pytest.raises(Rejected) as refused:
        await stack.payments.settle(intent_of(refunded), command.order_id)
    assert refused.value.code == "refund_keeps_failing"
    (found,) = await listed(stack, command.order_id, by="refunded_by_provider")
    assert found.amount == command.amount
    assert await net(stack, command.order_id) == command.amount.minor
