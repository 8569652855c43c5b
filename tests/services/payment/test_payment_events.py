"""What the payment service publishes: how each payment ended, once."""

import pytest

from saga.participant import Rejected
from services.payment.tables import outbox
from tests.services.payment.stack import Stack, an_order
from tests.services.test_publishing import told


async def test_payments_are_told_as_they_ended(stack: Stack) -> None:
    key, command = an_order()
    for _ in range(2):
        await stack.payments.charge(key, command)
    for _ in range(2):
        await stack.payments.refund(key, command)
    refused, refusal = an_order("pm_card_visa_chargeDeclined")
    for _ in range(2):
        with pytest.raises(Rejected):
            await stack.payments.charge(refused, refusal)
    await stack.payments.refund(refused, refusal)
    await stack.payments.refund(*an_order())
    assert await told(stack.database, outbox) == [
        f"payment.captured {command.order_id}",
        f"payment.refunded {command.order_id}",
        f"payment.declined {refusal.order_id}",
        f"payment.voided {refusal.order_id}",
    ]
