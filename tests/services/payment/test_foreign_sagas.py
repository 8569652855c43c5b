"""A saga touches only what its own id did, however the payment of the order stands.

Somebody may start a workflow with a confirmed order's input under another id ("start like this
one" in the Web UI): all that it asks for comes with that id.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.payments import ChargePayment, GiveBack, PaymentService, PaymentStatus
from infrastructure.rpc.operations import operations
from saga.participant import NotFound, Rejected, StepKey, Unavailable
from tests.services.payment.stack import Stack, an_order, until_answered

Order = tuple[StepKey, ChargePayment]
DECLINED = "pm_card_visa_chargeDeclined"
# Who asks for them has a saga's key. All of them: a new operation must be put to this test too.
OPERATIONS = sorted(
    name
    for name in operations(PaymentService)
    if "key" in inspect.signature(getattr(PaymentService, name)).parameters
)


async def nothing_yet(stack: Stack, order: Order) -> None:
    """No charge was begun."""


async def made(stack: Stack, order: Order) -> None:
    """An intent was made, and its id is not stored."""
    async with stack.reply_lost("after POST /v1/payment_intents"):
        with pytest.raises(Unavailable):
            await stack.payments.charge(*order)


async def captured_unknown(stack: Stack, order: Order) -> None:
    """The money moved, and the reply is lost."""
    async with stack.reply_lost("after POST /v1/payment_intents/.*/confirm"):
        with pytest.raises(Unavailable):
            await stack.payments.charge(*order)


async def captured(stack: Stack, order: Order) -> None:
    await stack.payments.charge(*order)


async def declined(stack: Stack, order: Order) -> None:
    with pytest.raises(Rejected):
        await stack.payments.charge(*order)


async def refunded(stack: Stack, order: Order) -> None:
    await stack.payments.charge(*order)
    await stack.payments.refund(*order)


async def returned(stack: Stack, order: Order) -> None:
    await stack.payments.charge(*order)
    await stack.payments.give_back(*returning(order[1]))


async def voided(stack: Stack, order: Order) -> None:
    await made(stack, order)
    await stack.payments.refund(*order)


STATES: list[Callable[[Stack, Order], Awaitable[None]]] = [
    nothing_yet,
    made,
    captured_unknown,
    captured,
    declined,
    refunded,
    returned,
    voided,
]


def returning(command: ChargePayment) -> tuple[StepKey, GiveBack]:
    key = StepKey(saga_id=f"return-{command.order_id}", step="refund_payment")
    return key, GiveBack(order_id=command.order_id, amount=command.amount)


async def stands(stack: Stack, order: Order) -> dict[str, Any]:
    """All that is on record of the order: its row, its saga's steps, and its money."""
    try:
        await stack.payments.for_order(order[1].order_id)
        row = await stack.row(order[1].order_id)
    except NotFound:
        row = {}
    return {
        "row": row,
        "steps": await stack.payments.list_step_records(order[0].saga_id),
        "entries": await stack.entries(order[1].order_id),
    }


async def ask(stack: Stack, operation: str, key: StepKey, order: Order) -> object:
    """Ask for it by this key; what it answers, or the code of its refusal."""
    arguments: dict[str, tuple[Any, ...]] = {
        "charge": (order[1],),
        "refund": (order[1],),
        "give_back": (returning(order[1])[1],),
        "fence_give_back": (),
        "adopt": (order[1], "pi_unknown"),
    }
    if operation == "adopt":
        found = await stack.sandbox.get("/v1/payment_intents", limit=100)
        mine = [i for i in found["data"] if i["metadata"].get("order_id") == order[1].order_id]
        arguments["adopt"] = (order[1], mine[0]["id"] if mine else "pi_unknown")
    try:
        return await getattr(stack.payments, operation)(key, *arguments[operation])
    except Rejected as refused:
        return refused.code


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_foreign_saga_changes_nothing(
    stack: Stack, operation: str, state: Callable[[Stack, Order], Awaitable[None]]
) -> None:
    if operation == "charge" and state is nothing_yet:
        pytest.skip("then it is the order's only one; which workflow may run is not for us to say")
    order = an_order(DECLINED if state is declined else "pm_card_visa")
    await state(stack, order)
    before = await stands(stack, order)
    foreign = StepKey(saga_id=f"copy-of-{order[0].saga_id}", step=order[0].step)
    answers = [await ask(stack, operation, foreign, order) for _ in range(2)]
    assert answers[0] == answers[1]
    assert await stands(stack, order) == before
    if operation == "refund":
        answer: Any = answers[0]
        assert (answer.status, answer.intent_id) == (PaymentStatus.VOIDED, None)
        # Its own tombstone refuses its own late charge.
        assert await ask(stack, "charge", foreign, order) == "already_compensated"
    assert await stands(stack, order) == before


@pytest.mark.parametrize("other", ["another step", "another return"])
async def test_another_step_of_the_same_saga_undoes_nothing_of_this_one(
    stack: Stack, other: str
) -> None:
    key, command = an_order()
    await stack.payments.charge(key, command)
    if other == "another step":
        twin = replace(key, step="charge_payment_2")
        assert (await stack.payments.refund(twin, command)).status == PaymentStatus.VOIDED
    else:
        _, back = returning(command)
        foreign = StepKey(saga_id="return-ord_of_another", step="refund_payment")
        with pytest.raises(Rejected, match="no such captured payment"):
            await stack.payments.give_back(foreign, back)
    assert await stack.entries(command.order_id) == ["capture"]
    assert (await stack.payments.for_order(command.order_id)).status == PaymentStatus.CAPTURED


async def test_the_own_saga_undoes_its_charge_after_a_foreign_one_tried(stack: Stack) -> None:
    order = an_order("pm_sandbox_reply_lost")
    with pytest.raises(Unavailable):
        await stack.payments.charge(*order)
    foreign = StepKey(saga_id="copy", step=order[0].step)
    await stack.payments.refund(foreign, order[1])
    assert (await until_answered(lambda: stack.payments.charge(*order))).status == "captured"
    assert (await stack.payments.refund(*order)).status == PaymentStatus.REFUNDED
    assert await stack.entries(order[1].order_id) == ["capture", "refund"]
