"""What a reset is said to do is what it does: first effects are counted, and repeated ones not."""

import pytest

from cli.operate.reset_preview import Again, read_words, reset_point, steps_again
from contracts.names import return_id, workflow_id
from saga.participant import Op
from tests.story.blocked import keep_money
from tests.support.gates import BEFORE
from tests.support.world import World
from tests.workflows.test_audit import terminated_at
from tests.workflows.test_temporal_cli import reset_ended

FIRST = ["charge_payment", "confirm_order", "commit_inventory"]


async def previewed(world: World, order_id: str, saga_id: str = "") -> list[Again]:
    """What `saga reset-preview` makes of the history and of what is on record."""
    saga_id = saga_id or workflow_id(order_id)
    history = await world.client.get_workflow_handle(saga_id).fetch_history()
    records = await world.rest_items(f"/v1/sagas/{saga_id}/records")
    known, undone = (
        {row["step"]: row["state"] for row in records if row["op"] == op}
        for op in (Op.ACTION, Op.COMPENSATION)
    )
    events = await world.rest_items(f"/v1/orders/{order_id}/events")
    said = read_words(events, saga_id)
    return list(steps_again(history, reset_point(history, "first"), known, undone, said=said))


def new(again: list[Again]) -> list[str]:
    return [effect.step for effect in again if effect.new_effect]


@pytest.mark.parametrize("fast_path", [True, False], ids=["in-its-first-task", "later"])
async def test_what_runs_for_the_first_time_is_counted(world: World, *, fast_path: bool) -> None:
    world.fast_path = fast_path
    order_id, sku, gate = await terminated_at(world, "payment.charge", BEFORE)
    world.fast_path = True
    again = await previewed(world, order_id)
    assert new(again) == FIRST
    assert {effect.step: effect.answer for effect in again}["reserve_inventory"] == (
        "is answered from its store"
    )
    assert await world.provider.fetch_moved(order_id) == (0, 0)
    await reset_ended(world, order_id)
    await world.settled(order_id, sku, "confirmed")  # charged and confirmed, by the reset
    await gate.open()


async def test_what_was_confirmed_or_undone_has_no_new_effect(world: World) -> None:
    sku = await world.product()
    confirmed = await world.place(sku)
    await world.settled(confirmed, sku, "confirmed")
    assert new(await previewed(world, confirmed)) == []
    other = await world.product()
    declined = await world.place(other, method="pm_card_visa_chargeDeclined")
    await world.settled(declined, other, "rejected")
    again = await previewed(world, declined)
    assert (new(again), again[-1].answer) == ([], "is refused: it was undone")


async def test_what_an_operator_has_settled_has_no_new_effect(world: World) -> None:
    """The refund of this return was skipped, and its word stands in every later run."""
    made = await keep_money(world)
    again = await previewed(world, made.order_id, return_id(made.order_id))
    answers = {effect.step: effect.answer for effect in again}
    assert new(again) == []
    assert answers["refund_payment"] == "is left as it is: an operator said skip of it"
    assert answers["mark_returned"] == "is answered from its store"
