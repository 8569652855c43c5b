"""A provider that keeps a failure under a key, for a day, holds up no charge and no refund."""

import pytest

from contracts.payments import ChargePayment, GiveBack, Payment, PaymentStatus
from saga.participant import StepKey, Unavailable
from services.payment.provider.errors import StoredFailure
from tests.services.payment.stack import Stack, an_order, until_answered

FAILURES = ("stored_500", "done_500", "plain_500", "forgotten_500")
DONE = ("done_500", "forgotten_500")


async def intents(stack: Stack, order_id: str) -> list[str]:
    """How the intents of an order stand, newest first."""
    listed = (await stack.sandbox.get("/v1/payment_intents", limit=100))["data"]
    return [
        instance["status"]
        for instance in listed
        if instance["metadata"].get("order_id") == order_id
    ]


async def charge(stack: Stack, key: StepKey, command: ChargePayment) -> Payment:
    return await until_answered(lambda: stack.payments.charge(key, command))


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("operation", ["create", "confirm"])
async def test_a_charge_gets_past_a_stored_failure_and_captures_once(
    stack: Stack, operation: str, kind: str
) -> None:
    key, command = an_order()
    await stack.sandbox.fault(operation, kind, command.order_id)
    assert (await charge(stack, key, command)).status == PaymentStatus.CAPTURED
    assert await stack.entries(command.order_id) == ["capture"]
    found = await intents(stack, command.order_id)
    assert found.count("succeeded") == 1
    # What a failure hid was never confirmed, so it takes no money.
    hidden = ["requires_confirmation"] if operation == "create" and kind in DONE else []
    assert sorted(found) == sorted(["succeeded", *hidden])


@pytest.mark.parametrize("operation", ["create", "confirm"])
async def test_a_charge_gets_past_several_failures_by_a_key_each(
    stack: Stack, operation: str
) -> None:
    key, command = an_order()
    await stack.sandbox.fault(operation, "stored_500", command.order_id, times=3)
    assert (await charge(stack, key, command)).status == PaymentStatus.CAPTURED
    row = await stack.row(command.order_id)
    first = f"{row['installation']}/{key.saga_id}/{key.step}/{operation}"
    assert row[f"{operation}_key"] == f"{first}/4"
    assert await stack.entries(command.order_id) == ["capture"]


async def test_a_charge_whose_confirmation_is_a_stored_failure_can_be_undone(stack: Stack) -> None:
    for kind, entries in (("stored_500", []), ("done_500", ["capture", "refund"])):
        key, command = an_order()
        await stack.sandbox.fault("confirm", kind, command.order_id)
        if kind == "stored_500":
            with pytest.raises(StoredFailure):
                await stack.payments.charge(key, command)
        else:
            await stack.payments.charge(key, command)
        await until_answered(lambda k=key, c=command: stack.payments.refund(k, c))  # type: ignore[misc]
        assert await stack.entries(command.order_id) == entries


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("way", ["undo", "give back"])
async def test_a_refund_gets_past_a_stored_failure_and_gives_back_once(
    stack: Stack, way: str, kind: str
) -> None:
    key, command = an_order()
    await stack.payments.charge(key, command)
    returning = StepKey(saga_id=f"return-{command.order_id}", step="refund_payment")
    back = GiveBack(order_id=command.order_id, amount=command.amount)
    await stack.sandbox.fault("refund", kind, command.order_id)

    async def ask() -> Payment:
        if way == "undo":
            return await stack.payments.refund(key, command)
        return await stack.payments.give_back(returning, back)

    assert (await until_answered(ask)).status == PaymentStatus.REFUNDED
    assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_a_stored_failure_after_a_part_was_refunded_by_hand_gives_back_the_rest(
    stack: Stack,
) -> None:
    key, command = an_order()
    payment = await stack.payments.charge(key, command)
    await stack.sandbox.post("/v1/refunds", payment_intent=payment.intent_id, amount=1)
    await stack.sandbox.fault("refund", "stored_500", command.order_id)
    await until_answered(lambda: stack.payments.refund(key, command))
    ledger = await stack.sandbox.ledger(command.order_id)
    assert ledger["refunded"] == ledger["captured"]


async def test_a_cancelled_charge_gets_past_a_failure_to_cancel(stack: Stack) -> None:
    key, command = an_order("pm_sandbox_down")
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    await stack.sandbox.fault("cancel", "stored_500", command.order_id)
    await until_answered(lambda: stack.payments.refund(key, command))
    assert await intents(stack, command.order_id) == ["canceled"]


@pytest.mark.parametrize("kind", ["rate_limit", "lock_timeout", "key_in_use"])
@pytest.mark.parametrize("operation", ["create", "confirm", "refund", "cancel"])
async def test_a_busy_provider_is_asked_again_and_is_not_taken_for_a_broken_one(
    stack: Stack, operation: str, kind: str
) -> None:
    key, command = an_order("pm_sandbox_down" if operation == "cancel" else "pm_card_visa")
    await stack.sandbox.fault(operation, kind, command.order_id)

    async def charge_and_undo() -> None:
        await stack.payments.charge(key, command)
        await stack.payments.refund(key, command)

    with pytest.raises(Unavailable) as busy:
        await charge_and_undo()
    if operation != "cancel":  # its charge is what is refused first
        assert busy.value.retry_after == (2.0 if kind == "rate_limit" else 1.0)
    await until_answered(lambda: stack.payments.refund(key, command))
    await stack.assert_nothing_kept(command.order_id)


async def test_a_payment_of_the_release_before_keeps_its_keys(stack: Stack) -> None:
    """Its create is under way: the provider may have made an intent under the old key already."""
    key, command = an_order()
    await stack.begun_by_the_release_before(key, command)
    await charge(stack, key, command)
    for operation in ("create", "confirm"):
        assert f"{key.saga_id}/{key.step}/{operation}" in stack.sandbox.stored_keys()
    await stack.payments.refund(key, command)
    assert (await stack.row(command.order_id))["refund_key"] == f"{key.saga_id}/{key.step}/refund"
    about = (await stack.sandbox.get("/v1/payment_intents", limit=1))["data"][0]["metadata"]
    assert about == {"order_id": command.order_id, "saga_id": key.saga_id}


async def test_intents_and_keys_tell_whose_they_are(stack: Stack) -> None:
    key, command = an_order()
    payment = await stack.payments.charge(key, command)
    row = await stack.row(command.order_id)
    found = await stack.sandbox.get(f"/v1/payment_intents/{payment.intent_id}")
    assert found["metadata"] == {
        "order_id": command.order_id,
        "saga_id": key.saga_id,
        "step": key.step,
        "installation": row["installation"],
    }
    mine = {name for name in stack.sandbox.stored_keys() if key.saga_id in name}
    assert {item.partition("/")[0] for item in mine} == {row["installation"]}
