"""Money of each kind of currency is as much at the provider as it is here.

The provider's numbers are by Stripe's page of currencies: 500 for 5 ISK or 5 UGX, 5 for 5 MGA, and
500 for 500 JPY; an amount of three places ends in 0.
"""

import pytest

from contracts.base import Money
from contracts.payments import GiveBack, PaymentStatus
from saga.participant import Rejected, StepKey
from tests.services.payment.stack import Stack, an_order
from tests.services.payment.test_reconciliation import listed

CASES = [
    ("EUR", 1099, "10.99 EUR", 1099),
    ("HUF", 17_550, "175.50 HUF", 17_550),
    ("JPY", 500, "500 JPY", 500),
    ("CLP", 500, "500 CLP", 500),
    ("ISK", 5, "5 ISK", 500),
    ("UGX", 5, "5 UGX", 500),
    ("MGA", 500, "5.00 MGA", 5),
    ("KWD", 5120, "5.120 KWD", 5120),
]


@pytest.mark.parametrize(("currency", "minor", "written", "asked"), CASES)
async def test_what_is_charged_and_given_back_is_the_amount_that_people_read(
    stack: Stack, currency: str, minor: int, written: str, asked: int
) -> None:
    key, command = an_order(minor=minor, currency=currency)
    assert command.amount.format() == written
    captured = await stack.payments.charge(key, command)
    name = currency.lower()
    assert (await stack.sandbox.ledger(command.order_id))["captured"] == {name: asked}
    (kept,) = await listed(stack, command.order_id)
    assert (kept.captured, kept.amount) == (command.amount, command.amount)
    returning = StepKey(saga_id=f"return-{command.order_id}", step="refund_payment")
    back = GiveBack(order_id=command.order_id, amount=command.amount)
    assert (await stack.payments.give_back(returning, back)).amount == captured.amount
    assert (await stack.sandbox.ledger(command.order_id))["refunded"] == {name: asked}
    (kept,) = await listed(stack, command.order_id)
    assert (kept.captured, kept.amount) == (command.amount, Money(minor=0, currency=currency))


@pytest.mark.parametrize("currency", ["ISK", "UGX", "MGA"])
async def test_a_refund_by_hand_is_known_for_the_whole_of_it(stack: Stack, currency: str) -> None:
    """A stored refusal tells nothing of it, so the sums are compared: in one unit."""
    key, command = an_order(minor=500, currency=currency)
    captured = await stack.payments.charge(key, command)
    await stack.sandbox.post("/v1/refunds", payment_intent=captured.intent_id)
    await stack.sandbox.fault("refund", "stored_500", command.order_id)
    refunded = await stack.payments.refund(key, command)
    assert refunded.status == PaymentStatus.REFUNDED
    assert await stack.entries(command.order_id) == ["capture", "refund"]


@pytest.mark.parametrize(
    ("currency", "minor", "code"),
    [
        ("IQD", 1000, "unsupported_currency"),
        ("XYZ", 1000, "unsupported_currency"),
        ("MGA", 550, "amount_not_a_multiple"),
        ("KWD", 5124, "amount_not_a_multiple"),
    ],
)
async def test_an_older_products_price_that_cannot_be_charged_is_refused_and_undone(
    stack: Stack, currency: str, minor: int, code: str
) -> None:
    key, command = an_order(minor=minor, currency=currency)
    for _ in range(2):
        with pytest.raises(Rejected) as refused:
            await stack.payments.charge(key, command)
        assert refused.value.code == code
    assert (await stack.payments.refund(key, command)).status == PaymentStatus.VOIDED
    assert await stack.entries(command.order_id) == []


async def test_an_intent_in_a_currency_that_is_not_known_does_not_spoil_a_list(
    stack: Stack,
) -> None:
    form = {"amount": 700, "currency": "ang", "payment_method": "pm_card_visa", "confirm": "true"}
    about = {"metadata[order_id]": "ord_elsewhere", "metadata[saga_id]": "order-ord_elsewhere"}
    assert (await stack.sandbox.post("/v1/payment_intents", None, **form, **about)).is_success
    (kept,) = await listed(stack, "ord_elsewhere")
    assert kept.captured == Money(minor=700, currency="ANG")
