"""Why a step is retried is told wherever the step is, in the words of what failed."""

from datetime import timedelta
from typing import Any

import pytest

from api.security.authentication import Scope
from api.temporal.stuck_sagas import find_stuck
from contracts.names import workflow_id
from tests.support.telling import read_told
from tests.support.tokens import bearer
from tests.support.waiting import until
from tests.support.world import World

WHY = "the shelf is gone"


def failure() -> Exception:
    """A bug whose stack of errors is more than Temporal keeps, so that it wraps what it keeps."""
    error = RuntimeError(WHY)
    error.__cause__ = RuntimeError("of a driver" * 1000)
    return error


@pytest.mark.parametrize(
    ("activity", "method", "where"),
    [
        ("inventory.reserve", "pm_card_visa", "steps"),
        ("inventory.release", "pm_card_visa_chargeDeclined", "compensations"),
    ],
    ids=["an action", "a compensation"],
)
async def test_why_a_step_is_retried_is_told_by_the_api_the_list_and_the_story(
    world: World, activity: str, method: str, where: str
) -> None:
    sku, user, order_id = await world.product(), await world.user(), world.next_order_id()
    world.gates.refuse(workflow_id(order_id), activity, failure())
    await world.place(sku, user=user, method=method)

    async def look() -> dict[str, Any]:
        saga: dict[str, Any] = await world.rest(f"/v1/orders/{order_id}/saga")
        return saga

    async def is_told() -> bool:
        return WHY in [step["error"] for step in (await look())[where]]

    await until(is_told, within=20)
    rows = {saga.id: said for saga, said in await find_stuck(world.client, late=timedelta(0))}
    assert rows[workflow_id(order_id)].why.endswith(f": {WHY}")
    headers = bearer(user, Scope.CUSTOMER)
    shown = await world.http.get(f"/v1/orders/{order_id}/saga", headers=headers)
    assert (shown.status_code, WHY in shown.text) == (200, False)
    told = await read_told(world, order_id)
    assert all(WHY in said for said in told.sentences)
    world.gates.allow(workflow_id(order_id))
    await world.sagas_end(order_id)
