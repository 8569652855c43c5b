"""New orders wait while too many sagas are open; what was accepted before is still answered."""

from typing import Any

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from api.overload.load_shedding import LoadShedder, OpenSagas, Window
from contracts.names import workflow_id
from tests.support.gates import BEFORE
from tests.support.waiting import until
from tests.support.world import World, running_api

ROOM = 5


async def post(http: httpx2.AsyncClient, key: str, body: dict[str, Any]) -> httpx2.Response:
    return await http.post("/v1/orders", json=body, headers={"Idempotency-Key": key})


async def test_past_the_bound_new_orders_wait_and_replays_do_not(world: World) -> None:
    there = (await LoadShedder(world.client, None).count_open()).open
    user, sku = await world.user(), await world.product()
    items = [{"sku": sku, "quantity": 1}]
    body = {"customer_id": user, "items": items, "payment_method": "pm_card_visa"}
    most = there + ROOM
    async with running_api(world.client, world.services, most_open=most) as http:
        gates, placed = [], []
        while True:
            gate = world.gates.close(workflow_id(world.next_order_id()), "order.create", BEFORE)
            world.placed += 1
            late = f"test-{world.placed}"
            refused = await post(http, late, body)
            if refused.status_code != 202:
                break
            gates.append(gate)
            placed.append(late)
        assert 1 <= len(placed) <= most  # those that were there may have ended meanwhile
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert 1 <= int(refused.headers["retry-after"]) <= 15
        again = [await post(http, key, body) for key in placed]  # of which nothing is recorded yet
        assert [effect.status_code for effect in again] == [202] * len(placed)
        assert {effect.headers["idempotent-replayed"] for effect in again} == {"true"}
        reused = await post(http, placed[0], body | {"payment_method": "pm_card_amex"})
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
        for item in (*gates, gate):
            item.opened.set()

        async def admitted() -> bool:
            return (await post(http, late, body)).status_code == 202

        await until(admitted, within=30)
    await until(lambda: at_most(world, there), within=30)


async def at_most(world: World, sagas: int) -> bool:
    return (await LoadShedder(world.client, None).count_open()).open <= sagas


async def test_the_look_sees_what_is_open_and_what_is_old(world: World) -> None:
    shedder = LoadShedder(world.client, 500)
    before = await shedder.count_open()
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)

    async def old() -> bool:
        seen = await shedder.count_open()
        return seen.open > before.open and seen.old > before.old

    await until(old, within=20)
    await gate.open()
    await world.settled(order_id, sku, "confirmed")

    async def gone() -> bool:
        seen = await shedder.count_open()
        return seen.open <= before.open and seen.old <= before.old

    await until(gone, within=20)


@given(most=st.integers(1, 2000), looks=st.lists(st.integers(0, 5000), max_size=60))
def test_the_window_keeps_its_bounds(most: int, looks: list[int]) -> None:
    window = Window(most)
    for old in looks:
        window.adjust(OpenSagas(open=old, old=old))
        assert min(Window.least, most) <= window.size <= most


def test_the_window_closes_fast_and_opens_slowly() -> None:
    window = Window(500)
    window.adjust(OpenSagas(open=500, old=125))
    assert window.size == 500  # as many as are tolerated
    sizes = []
    for _ in range(6):
        window.adjust(OpenSagas(open=500, old=300))
        sizes.append(window.size)
    assert sizes == [250, 125, 62, 31, 20, 20]
    for _ in range(20):  # seconds
        assert window.narrow
        window.adjust(OpenSagas(open=10, old=5))
    assert window.size == window.most
