"""Payments: charged once, given back once, and never by guessing."""

import asyncio
import random
from dataclasses import replace

import pytest

from contracts.payments import Payment, PaymentStatus
from saga.participant import Compensated, NotFound, Rejected, Unavailable
from services.payment.service import Payments
from tests.services.payment.stack import Stack, an_order, provider_at, until_answered


async def test_a_charge_captures_once_and_says_so(stack: Stack) -> None:
    key, command = an_order()
    payment = await stack.payments.charge(key, command)
    assert payment.status == PaymentStatus.CAPTURED
    assert payment.amount == command.amount
    assert payment == await stack.payments.for_order(command.order_id)
    assert await stack.payments.charge(key, command) == payment
    assert await stack.entries(command.order_id) == ["capture"]
    ledger = await stack.sandbox.ledger(command.order_id)
    assert ledger["captured"] == {"eur": 4200}
    assert ledger["entries"][0]["intent"] == payment.intent_id


async def test_twenty_charges_at_once_capture_once_with_one_answer(stack: Stack) -> None:
    key, command = an_order()
    attempts = (until_answered(lambda: stack.payments.charge(key, command)) for _ in range(20))
    replies = await asyncio.gather(*attempts)
    assert all(reply == replies[0] for reply in replies)
    assert await stack.entries(command.order_id) == ["capture"]


async def test_no_transaction_is_open_while_a_request_runs(stack: Stack) -> None:
    key, command = an_order()
    await stack.payments.charge(key, command)
    await stack.payments.refund(key, command)
    assert stack.transport.transactions_seen == [0] * 4


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_nobody", "resource_missing"),
    ],
)
async def test_a_decline_is_rejected_every_time_and_its_compensation_voids(
    stack: Stack, method: str, code: str
) -> None:
    key, command = an_order(method)
    for _ in range(2):
        with pytest.raises(Rejected) as rejected:
            await stack.payments.charge(key, command)
        assert rejected.value.code == code
    row = await stack.row(command.order_id)
    assert (row["status"], row["detail"]) == ("declined", rejected.value.detail)
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.VOIDED
    assert await stack.entries(command.order_id) == []
    with pytest.raises(Compensated):
        await stack.payments.charge(key, command)


@pytest.mark.parametrize(
    ("minor", "code"), [(0, "amount_too_small"), (100_000_000, "amount_too_large")]
)
async def test_an_amount_out_of_limits_is_rejected_and_can_be_undone(
    stack: Stack, minor: int, code: str
) -> None:
    key, command = an_order(minor=minor)
    with pytest.raises(Rejected) as rejected:
        await stack.payments.charge(key, command)
    assert rejected.value.code == code
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.VOIDED


async def test_the_largest_amount_is_captured(stack: Stack) -> None:
    key, command = an_order(minor=99_999_999, currency="JPY")
    await stack.payments.charge(key, command)
    assert (await stack.sandbox.ledger(command.order_id))["captured"] == {"jpy": 99_999_999}


async def test_a_lost_reply_is_unavailable_and_the_retry_finds_the_capture(stack: Stack) -> None:
    key, command = an_order("pm_sandbox_reply_lost")
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    assert (await stack.row(command.order_id))["status"] == "created"
    assert (await stack.payments.charge(key, command)).status == PaymentStatus.CAPTURED
    assert await stack.entries(command.order_id) == ["capture"]


async def test_a_lost_reply_is_refunded_though_we_never_knew_of_the_capture(stack: Stack) -> None:
    key, command = an_order("pm_sandbox_reply_lost")
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.REFUNDED
    assert await stack.entries(command.order_id) == ["capture", "refund"]


async def test_a_slow_provider_times_out_and_is_asked_again(stack: Stack) -> None:
    key, command = an_order("pm_sandbox_slow")
    hasty = provider_at(stack.sandbox, timeout=0.5)
    with pytest.raises(Unavailable, match=r"no answer within 0\.5 s"):
        await Payments(stack.database, hasty).charge(key, command)
    captured = await until_answered(lambda: stack.payments.charge(key, command))
    assert captured.status == PaymentStatus.CAPTURED
    assert await stack.entries(command.order_id) == ["capture"]
    await hasty.close()


async def test_a_provider_that_is_down_is_unavailable_until_the_charge_is_undone(
    stack: Stack,
) -> None:
    key, command = an_order("pm_sandbox_down")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await stack.payments.charge(key, command)
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.VOIDED
    assert await stack.entries(command.order_id) == []


@pytest.mark.parametrize("wrong", [{"key": "sk_wrong"}, {"url": "http://127.0.0.1:9"}])
async def test_a_wrong_key_or_address_is_unavailable_and_loses_nothing(
    stack: Stack, wrong: dict[str, str]
) -> None:
    key, command = an_order()
    broken = provider_at(stack.sandbox, **wrong)
    with pytest.raises(Unavailable):
        await Payments(stack.database, broken).charge(key, command)
    assert (await stack.payments.charge(key, command)).status == PaymentStatus.CAPTURED
    with pytest.raises(Unavailable):
        await Payments(stack.database, broken).refund(key, command)
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.REFUNDED
    await broken.close()


async def test_a_refund_gives_all_back_once_with_one_answer(stack: Stack) -> None:
    key, command = an_order()
    await stack.payments.charge(key, command)
    attempts = (until_answered(lambda: stack.payments.refund(key, command)) for _ in range(20))
    replies = await asyncio.gather(*attempts)
    assert all(reply == replies[0] for reply in replies)
    assert replies[0].status == PaymentStatus.REFUNDED
    assert await stack.payments.refund(key, command) == replies[0]
    assert await stack.payments.for_order(command.order_id) == replies[0]
    assert await stack.entries(command.order_id) == ["capture", "refund"]
    with pytest.raises(Compensated):
        await stack.payments.charge(key, command)


async def test_a_refund_before_the_charge_leaves_a_tombstone(stack: Stack) -> None:
    key, command = an_order()
    voided = await stack.payments.refund(key, command)
    assert (voided.status, voided.intent_id) == (PaymentStatus.VOIDED, None)
    for _ in range(2):
        with pytest.raises(Compensated):
            await stack.payments.charge(key, command)
    assert await stack.payments.refund(key, command) == voided
    assert await stack.entries(command.order_id) == []
    with pytest.raises(NotFound):
        await stack.payments.for_order(command.order_id)


async def test_an_order_has_one_payment(stack: Stack) -> None:
    key, command = an_order()
    await stack.payments.charge(key, command)
    other = replace(key, step="charge_payment_2")
    with pytest.raises(Rejected) as rejected:
        await stack.payments.charge(other, command)
    assert rejected.value.code == "order_has_payment"
    assert await stack.entries(command.order_id) == ["capture"]


async def test_a_refund_is_found_after_its_idempotency_key_expired(stack: Stack) -> None:
    key, command = an_order()
    await stack.payments.charge(key, command)
    async with stack.refund_reply_lost():
        with pytest.raises(Unavailable):
            await stack.payments.refund(key, command)
    assert await stack.entries(command.order_id) == ["capture", "refund"]
    stack.sandbox.forget_idempotency_keys()
    refunded = await stack.payments.refund(key, command)
    listed = await stack.sandbox.get("/v1/refunds", payment_intent=refunded.intent_id)
    assert [refund["id"] for refund in listed["data"]] == [refunded.refund_id]


async def test_the_payment_of_an_unknown_order_is_not_found(stack: Stack) -> None:
    with pytest.raises(NotFound) as missing:
        await stack.payments.for_order("ord_none")
    assert missing.value.code == "unknown_payment"


async def test_a_charge_and_a_refund_at_once_never_keep_money(stack: Stack) -> None:
    endings: set[str] = set()
    for _ in range(60):
        key, command = an_order()

        async def charge(key=key, command=command) -> str:  # type: ignore[no-untyped-def]
            try:
                await until_answered(lambda: stack.payments.charge(key, command))
            except Compensated:
                return "refused"
            return "captured"

        async def refund(key=key, command=command) -> Payment:  # type: ignore[no-untyped-def]
            await asyncio.sleep(random.uniform(0, 0.04))
            return await until_answered(lambda: stack.payments.refund(key, command))

        charged, refunded = await asyncio.gather(charge(), refund())
        entries = await stack.entries(command.order_id)
        assert entries == (
            ["capture", "refund"] if refunded.status == PaymentStatus.REFUNDED else []
        )
        with pytest.raises(Compensated):
            await stack.payments.charge(key, command)
        endings.add(f"{charged}, {refunded.status}")
    assert len(endings) > 1, "the race was always won by the same side"
