"""What people do at the provider's dashboard while a charge is under way."""

import pytest

from contracts.payments import PaymentStatus
from saga.participant import Compensated, Rejected, Unavailable
from tests.services.payment.stack import Stack, an_order


@pytest.mark.parametrize("amount", [{}, {"amount": 1}], ids=["all", "a part"])
async def test_a_charge_whose_money_was_refunded_meanwhile_is_not_captured(
    stack: Stack, amount: dict[str, int]
) -> None:
    """Else its order would be confirmed without its money."""
    key, command = an_order("pm_sandbox_reply_lost")
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    intent_id = (await stack.payments.for_order(command.order_id)).intent_id
    await stack.sandbox.post("/v1/refunds", None, payment_intent=intent_id, **amount)
    for _ in range(2):
        with pytest.raises(Rejected) as refused:
            await stack.payments.charge(key, command)
        assert refused.value.code == "payment_refunded"
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.REFUNDED
    ledger = await stack.sandbox.ledger(command.order_id)
    assert ledger["captured"] == ledger["refunded"] == {"eur": command.amount.minor}
    with pytest.raises(Compensated):
        await stack.payments.charge(key, command)


async def test_a_charge_that_was_captured_stays_so_for_an_attempt_that_sees_the_refund(
    stack: Stack,
) -> None:
    """A repeated step gets the first answer; the audit names what became of the money since."""
    key, command = an_order("pm_sandbox_reply_lost")
    with pytest.raises(Unavailable):
        await stack.payments.charge(key, command)
    intent_id = (await stack.payments.for_order(command.order_id)).intent_id
    first: list[object] = []

    async def capture_and_refund() -> None:
        first.append(await stack.payments.charge(key, command))
        await stack.sandbox.post("/v1/refunds", None, payment_intent=intent_id)

    stack.disturbance.clear()
    stack.disturbance.visit(f"before GET /v1/payment_intents/{intent_id}", capture_and_refund)
    assert [await stack.payments.charge(key, command)] == first
