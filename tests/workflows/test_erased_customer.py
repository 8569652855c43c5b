"""An order whose customer is erased meanwhile finishes, or is rejected truly."""

import pytest

from tests.support.gates import BEFORE
from tests.support.world import World


async def erased(world: World, order_id: str) -> None:
    """Erase the customer of an accepted order."""
    customer = (await world.rest(f"/v1/orders/{order_id}"))["customer_id"]
    answer = await world.http.post(f"/v1/users/{customer}/erase")
    assert answer.json()["erased"], answer.text


@pytest.mark.parametrize(
    ("activity", "ending"),
    [
        ("order.create", "rejected"),
        ("user.validate", "rejected"),
        ("inventory.reserve", "confirmed"),
        ("payment.charge", "confirmed"),
        ("order.confirm", "confirmed"),
    ],
)
async def test_an_order_under_way_ends_truly(world: World, activity: str, ending: str) -> None:
    order_id, sku, gate = await world.stopped_at(activity, BEFORE)
    await erased(world, order_id)
    await gate.open()
    order = await world.settled(order_id, sku, ending)
    assert (order.reason.code if order.reason else None) == (
        "user_inactive" if ending == "rejected" else None
    )


async def test_a_confirmed_order_of_an_erased_customer_can_be_returned(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    await erased(world, order_id)
    answer = await world.http.post(f"/v1/orders/{order_id}/return")
    assert answer.status_code in {200, 202}
    assert await world.client.get_workflow_handle(f"return-{order_id}").result()
