"""Text that no database can store, or that is far too long, by every way into a workflow.

It is refused at the door where there is one. A signal, or a service's own words, cannot be refused:
the saga ends all the same, and what was said is on record as far as it can be.
"""

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue

from contracts.base import MAX_EVIDENCE, MAX_REASON
from contracts.names import workflow_id
from contracts.orders import Order
from saga import rejection
from tests.support.gates import BEFORE
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_blocked import blocked_refund, is_blocked, resolve

MEGABYTE = "x" * 1_000_000
HOSTILE = {"nul": r"a\u0000b", "surrogate": r"a\ud800b", "megabyte": MEGABYTE}  # as JSON has them
KEPT = {"nul": r"a\x00b", "surrogate": r"a\ud800b", "megabyte": "xxx"}


def sent(data: str) -> RawValue:
    """An argument as the Temporal CLI sends what it is given."""
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=data.encode()))


async def cancelled_with(world: World, *given: str) -> Order:
    """An order that was cancelled by a signal with these arguments; all is undone."""
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    await world.handle(order_id).signal("cancel", args=[sent(value) for value in given])
    order = await world.settled(order_id, sku, "cancelled")
    await gate.open()
    return order


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_signal_with_a_hostile_reason_cancels_and_says_what_was_said(
    world: World, kind: str
) -> None:
    order = await cancelled_with(world, f'{{"reason": "{HOSTILE[kind]}", "by": "operator"}}')
    assert order.reason is not None
    assert order.reason.detail.startswith(KEPT[kind])
    assert len(order.reason.detail) <= MAX_REASON


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        (("null",), "cancelled by the customer"),
        (('"changed my mind"',), "changed my mind"),
        (('{"reason": "twice"}', '{"reason": "again"}'), "twice"),
        (('{"reason": "hers", "by": "nobody"}',), "hers"),
        (("[1, 2",), "[1, 2"),
    ],
)
async def test_a_signal_that_is_no_wish_as_it_should_be_cancels_too(
    world: World, given: tuple[str, ...], detail: str
) -> None:
    order = await cancelled_with(world, *given)
    assert order.reason is not None
    assert order.reason.detail == detail


async def test_a_signal_of_another_name_changes_nothing(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    await world.handle(order_id).signal("cansel", args=[sent("{}"), sent("[")])
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


@pytest.mark.parametrize("kind", HOSTILE)
async def test_an_update_with_a_hostile_reason_is_refused_at_the_door(
    world: World, kind: str
) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    wish = sent(f'{{"reason": "{HOSTILE[kind]}"}}')
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.handle(order_id).execute_update("cancel", wish)
    # Half of a surrogate pair is no JSON: it does not reach our own validator.
    expected = "RuntimeError" if kind == "surrogate" else "UnfitText"
    assert getattr(refused.value.cause, "type", "") == expected
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


@pytest.mark.parametrize("field", ["step", "evidence", "who"])
@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_word_on_a_blocked_step_is_refused_and_a_fit_one_is_on_record(
    world: World, kind: str, field: str
) -> None:
    order_id, _ = await blocked_refund(world)
    said = {"step": "charge_payment", "evidence": "by hand", "who": "ada"} | {field: HOSTILE[kind]}
    rest = ", ".join(f'"{name}": "{text}"' for name, text in said.items())
    word = sent(f'{{"action": "mark_done", {rest}}}')
    with pytest.raises(WorkflowUpdateFailedError):
        await world.handle(order_id).execute_update("resolve", word)
    assert await is_blocked(world, order_id)
    fit = {"action": "mark_done", "evidence": "paid back by hand"}
    assert await resolve(world, order_id, "charge_payment", **fit) == 202
    await world.sagas_end(order_id)
    assert (await unblocked(world, order_id))["evidence"] == "paid back by hand"


async def unblocked(world: World, order_id: str) -> dict[str, Any]:
    events = await world.services.orders.history(order_id)
    (found,) = [event.data for event in events if event.type == "StepUnblocked"]
    return found


@pytest.mark.parametrize("said", ["\0" * 9, "a\0b" * 5000])
async def test_a_refusal_in_hostile_words_is_on_record_and_the_saga_ends(
    world: World, said: str
) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), "payment.charge", rejection(said, said))
    await world.place(sku)
    order = await world.settled(order_id, sku, "rejected")
    assert order.reason is not None
    assert order.reason.detail.startswith(r"\x00" if said.startswith("\0") else r"a\x00b")
    assert len(order.reason.detail) <= MAX_REASON


@pytest.mark.parametrize("said", ["\0" * 9, "a\0b" * 5000])
async def test_a_compensation_that_is_refused_in_hostile_words_blocks_and_is_on_record(
    world: World, said: str
) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), "order.confirm", rejection("no", "refused"))
    world.gates.refuse(workflow_id(order_id), "payment.refund", rejection("no_refund", said))
    await world.place(sku)
    await until(lambda: is_blocked(world, order_id))
    events = await world.services.orders.history(order_id)
    (blocked,) = [event.data for event in events if event.type == "StepBlocked"]
    assert len(blocked["blocked"]) <= MAX_EVIDENCE
    world.gates.allow(workflow_id(order_id))
    assert await resolve(world, order_id, "charge_payment", action="retry") == 202
    await world.settled(order_id, sku, "rejected")
