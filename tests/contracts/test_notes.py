"""What was said of blocked steps is on record: in this process, over HTTP and in memory."""

import pytest

from contracts.base import Money, Reason
from contracts.orders import (
    ConfirmOrder,
    CreateOrder,
    OrderLine,
    OrderService,
    OrderStatus,
    StartReturn,
    StepNote,
)
from saga.participant import Compensated, NotFound, Rejected, StepKey

SAGA, RETURN, AGAIN = "order-ord_1", "return-ord_1", "return-ord_1-2"
TOTAL = Money(minor=300, currency="EUR")
LINE = OrderLine(sku="A", quantity=2, unit_price=Money(minor=150, currency="EUR"))
ORDER = CreateOrder(
    order_id="ord_1", customer_id="usr_1", items=(LINE,), total=TOTAL, payment_method="pm_1"
)
RETURNING = StartReturn(order_id="ord_1", items=(LINE,), total=TOTAL)
WHY = Reason(code="deadline_exceeded", detail="not done in time")


def key(step: str, saga_id: str = SAGA) -> StepKey:
    return StepKey(saga_id=saga_id, step=step)


def blocked(step: str, role: str | None = "compensation") -> StepNote:
    return StepNote(order_id="ord_1", step=step, blocked="no", still_blocked=True, role=role)


def word(
    step: str,
    action: str = "mark_done",
    evidence: str = "bank reference 1",
    role: str | None = None,
) -> StepNote:
    return StepNote(
        order_id="ord_1",
        step=step,
        role=role,
        blocked=None,
        still_blocked=False,
        action=action,
        evidence=evidence,
        who="ada",
    )


async def types(orders: OrderService) -> list[str]:
    return [event.type for event in await orders.history("ord_1")]


async def confirmed(orders: OrderService) -> None:
    await orders.create(key("create_order"), ORDER)
    await orders.confirm(key("confirm_order"), ConfirmOrder(order_id="ord_1"))


async def test_a_note_tells_its_role_and_its_saga(orders: OrderService) -> None:
    await orders.create(key("create_order"), ORDER)
    await orders.note(key("note#1@run"), blocked("charge_payment"))
    told = (await orders.history("ord_1"))[-1].data
    assert (told["step"], told["role"], told["saga_id"]) == ("charge_payment", "compensation", SAGA)


async def test_a_repeated_note_is_one_and_another_under_its_key_is_not_lost(
    orders: OrderService,
) -> None:
    await orders.create(key("create_order"), ORDER)
    first, second = word("charge_payment"), word("charge_payment", evidence="bank reference 2")
    for said in (first, first, second, first, second):
        assert await orders.note(key("note#1"), said) == said
    assert [part.evidence for part in await orders.words(SAGA)] == [first.evidence, second.evidence]
    assert (await types(orders))[-2:] == ["StepUnblocked", "StepUnblocked"]
    assert len(await orders.history("ord_1")) == 4


async def test_the_words_of_a_saga_are_those_after_which_nobody_tries_on(
    orders: OrderService,
) -> None:
    await confirmed(orders)
    said = [word("charge_payment", "skip", role="compensation"), word("commit_inventory")]
    await orders.note(key("note#1@a"), blocked("charge_payment"))
    await orders.note(key("note#2@a"), word("charge_payment", "retry"))
    await orders.note(key("note#3@a"), said[0])
    await orders.note(key("note#1@b"), said[1])
    await orders.note(key("note#1@a", RETURN), word("restock", "skip"))
    assert await orders.words(SAGA) == said
    assert [part.step for part in await orders.words(RETURN)] == ["restock"]
    assert await orders.words("order-ord_none") == []


async def test_what_was_said_before_the_order_was_recorded_is_on_its_record(
    orders: OrderService,
) -> None:
    said = word("create_order", "skip", role="compensation")
    await orders.note(key("note#1"), blocked("create_order"))
    await orders.note(key("note#2"), said)
    assert await orders.words(SAGA) == [said]
    assert [intervention.evidence for intervention in await orders.interventions(1)] == [
        said.evidence
    ]
    for asking in (
        orders.get("ord_1"),
        orders.command("ord_1"),
        orders.get_accepted_order("ord_1"),
    ):
        with pytest.raises(NotFound):
            await asking
    assert await orders.statuses(["ord_1"]) == {}
    placed = await orders.create(key("create_order"), ORDER)
    assert (placed.status, placed.version) == (OrderStatus.PENDING, 4)
    assert await types(orders) == ["StepBlocked", "StepUnblocked", "OrderPlaced", "ItemAdded"]
    assert await orders.command("ord_1") == ORDER


async def test_an_order_that_is_closed_later_keeps_what_was_said_before(
    orders: OrderService,
) -> None:
    await orders.note(key("note#1"), blocked("create_order"))
    closed = await orders.close(key("create_order"), ORDER, OrderStatus.CANCELLED, WHY)
    assert (closed.status, closed.reason) == (OrderStatus.CANCELLED, WHY)
    assert (await types(orders))[0] == "StepBlocked"


async def test_a_note_of_another_saga_does_not_say_how_the_order_stands(
    orders: OrderService,
) -> None:
    await orders.create(key("create_order"), ORDER)
    await orders.note(key("note#1", "by-hand"), blocked("charge_payment"))
    assert (await orders.get("ord_1")).status == OrderStatus.PENDING
    assert (await types(orders))[-1] == "StepBlocked"


@pytest.mark.parametrize("action", ["skip", "mark_done"])
@pytest.mark.parametrize("begun", [True, False])
async def test_a_return_that_an_operator_ended_does_not_block_the_next(
    orders: OrderService, action: str, *, begun: bool
) -> None:
    await confirmed(orders)
    if begun:
        await orders.begin_return(key("begin_return", RETURN), RETURNING)
    await orders.note(key("note#1", RETURN), blocked("begin_return"))
    await orders.note(key("note#2", RETURN), word("begin_return", action, role="compensation"))
    assert (await types(orders)).count("OrderReturnAbandoned") == 1  # so the next is the second
    await orders.begin_return(key("begin_return", AGAIN), RETURNING)
    await orders.complete_return(key("mark_returned", AGAIN), RETURNING)
    assert (await orders.get("ord_1")).status == OrderStatus.RETURNED


async def test_late_attempts_of_a_return_that_an_operator_ended_change_nothing(
    orders: OrderService,
) -> None:
    await confirmed(orders)
    await orders.note(key("note#1", RETURN), word("begin_return", "skip", role="compensation"))
    with pytest.raises(Compensated):
        await orders.begin_return(key("begin_return", RETURN), RETURNING)
    ended = await orders.abandon_return(key("begin_return", RETURN), RETURNING, WHY)
    assert ended.code == "ended_by_operator"
    with pytest.raises(Rejected):
        await orders.complete_return(key("mark_returned", RETURN), RETURNING)
    assert (await types(orders)).count("OrderReturnAbandoned") == 1


@pytest.mark.parametrize(("step", "action"), [("begin_return", "retry"), ("restock", "skip")])
async def test_other_words_leave_a_return_under_way(
    orders: OrderService, step: str, action: str
) -> None:
    await confirmed(orders)
    await orders.begin_return(key("begin_return", RETURN), RETURNING)
    await orders.note(key("note#1", RETURN), word(step, action))
    with pytest.raises(Rejected) as refused:
        await orders.begin_return(key("begin_return", AGAIN), RETURNING)
    assert refused.value.code == "not_returnable"
