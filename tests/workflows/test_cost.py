"""An order that runs by this code costs no more Actions than is kept of its ending."""

import json
from typing import Any

import pytest

from cli.cost.actions import measure_cost
from cli.cost.command import KEPT
from contracts.workflow_io import PlaceOrderInput
from tests.support.world import World

SLOW = 5  # orders that may leave the fast path since the machine is slow, or try a step again


async def place(world: World, method: str, status: str) -> tuple[PlaceOrderInput, int]:
    """How an order ran, and how many Actions it was."""
    sku = await world.product()
    order_id = await world.place(sku, method=method)
    await world.settled(order_id, sku, status)
    events = (await world.handle(order_id).fetch_history()).events
    (given,) = events[0].workflow_execution_started_event_attributes.input.payloads
    return PlaceOrderInput.model_validate_json(given.data), measure_cost(events).actions


def get_kept(story: str, ran: PlaceOrderInput) -> int:
    """The Actions that are kept of this story, run in the same way."""
    rows: list[dict[str, Any]] = json.loads(KEPT.read_text())
    how = (story, ran.fast_path, ran.stretch)
    (row,) = (row for row in rows if (row["story"], row["fast_path"], row["stretch"]) == how)
    return int(row["actions"])


@pytest.mark.parametrize(
    ("story", "status", "method"),
    [
        ("confirmed", "confirmed", "pm_card_visa"),
        ("rejected-declined", "rejected", "pm_card_visa_chargeDeclined"),
    ],
)
async def test_an_order_costs_no_more_than_is_kept(
    world: World, story: str, status: str, method: str
) -> None:
    for _ in range(SLOW):
        ran, actions = await place(world, method, status)
        if actions <= (kept := get_kept(story, ran)):
            return
    pytest.fail(f"{story}: {actions} Actions, not {kept}; if that is meant: see docs/cost.md")
