"""Charges whose customer has to authenticate: asked for until decided, and captured once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts.payments import ChargePayment, PaymentStatus
from saga.participant import Compensated, Pending, Rejected, StepKey, Unavailable
from services.payment.service import Payments
from tests.services.payment.stack import Stack, an_order
from tests.services.payment.test_stored_failures import intents

METHOD = "pm_card_authenticationRequired"
SHOP = "https://shop.example/orders/{order_id}"


@pytest_asyncio.fixture
async def payments(stack: Stack) -> AsyncIterator[Payments]:
    """The service of a shop to whose page customers come back."""
    yield Payments(stack.database, stack.provider, return_url=SHOP)


def a_patient_order(method: str = METHOD) -> tuple[StepKey, ChargePayment]:
    key, command = an_order(method)
    return key, command.model_copy(update={"authenticate_within": 900})


async def waiting(stack: Stack, payments: Payments) -> tuple[StepKey, ChargePayment, str]:
    """A charge that waits for its customer; and its intent."""
    key, command = a_patient_order()
    with pytest.raises(Pending) as found:
        await payments.charge(key, command)
    row = await stack.row(command.order_id)
    intent_id = str(row["intent_id"])
    assert found.value.about == {"url": f"{stack.sandbox.url}/authenticate/{intent_id}"}
    return key, command, intent_id


async def authenticate(stack: Stack, intent_id: str, outcome: str = "succeed") -> str:
    answer = await stack.sandbox.post(
        f"/payment_intents/{intent_id}/authenticate", None, outcome=outcome
    )
    return str(answer.json()["status"])


async def test_a_charge_waits_for_its_customer_and_then_is_captured_once(
    stack: Stack, payments: Payments
) -> None:
    key, command, intent_id = await waiting(stack, payments)
    before = await stack.row(command.order_id)
    with pytest.raises(Pending):
        await payments.charge(key, command)
    assert await stack.row(command.order_id) == before
    assert (before["status"], await stack.entries(command.order_id)) == ("created", [])
    intent = await stack.sandbox.get(f"/v1/payment_intents/{intent_id}")
    back = intent["next_action"]["redirect_to_url"]["return_url"]
    assert back == f"https://shop.example/orders/{command.order_id}"
    assert await authenticate(stack, intent_id) == "succeeded"
    for _ in range(2):
        assert (await payments.charge(key, command)).status == PaymentStatus.CAPTURED
    assert await stack.entries(command.order_id) == ["capture"]


async def test_a_customer_who_fails_is_declined(stack: Stack, payments: Payments) -> None:
    key, command, intent_id = await waiting(stack, payments)
    await authenticate(stack, intent_id, "fail")
    for _ in range(2):
        with pytest.raises(Rejected) as refused:
            await payments.charge(key, command)
        assert refused.value.code == "payment_intent_authentication_failure"
    assert (await payments.refund(key, command)).status == PaymentStatus.VOIDED
    assert await stack.entries(command.order_id) == []


@pytest.mark.parametrize("late", [True, False])
async def test_what_is_undone_while_it_waits_keeps_no_money(
    stack: Stack, payments: Payments, late: bool
) -> None:
    key, command, intent_id = await waiting(stack, payments)
    if not late:
        await authenticate(stack, intent_id)
    undone = await payments.refund(key, command)
    assert undone.status == (PaymentStatus.VOIDED if late else PaymentStatus.REFUNDED)
    assert await authenticate(stack, intent_id) == ("canceled" if late else "succeeded")
    assert await stack.entries(command.order_id) == ([] if late else ["capture", "refund"])
    with pytest.raises(Compensated):
        await payments.charge(key, command)


@pytest.mark.parametrize("field", ["command", "shop"])
async def test_without_time_or_a_page_to_come_back_to_the_card_is_declined(
    stack: Stack, payments: Payments, field: str
) -> None:
    key, command = a_patient_order() if field == "shop" else an_order(METHOD)
    with pytest.raises(Rejected) as refused:
        await (stack.payments if field == "shop" else payments).charge(key, command)
    assert refused.value.code == "authentication_required"


@pytest.mark.parametrize("happened", [True, False])
async def test_a_shop_that_moves_its_page_while_a_confirmation_is_unknown_goes_on(
    stack: Stack, payments: Payments, happened: bool
) -> None:
    """The key of a confirmation stands for its parameters, of which that page is one."""
    key, command = a_patient_order()
    kind = "forgotten_500" if happened else "stored_500"
    await stack.sandbox.fault("confirm", kind, command.order_id)
    with pytest.raises((Unavailable, Pending)):
        await payments.charge(key, command)
    moved = Payments(stack.database, stack.provider, return_url="https://elsewhere.example/")
    with pytest.raises(Pending):
        await moved.charge(key, command)
    assert await intents(stack, command.order_id) == ["requires_action"]


def test_a_command_of_before_says_what_it_said() -> None:
    _, command = an_order()
    assert "authenticate_within" not in command.model_dump()
    assert "authenticate_within" not in command.model_dump_json()
