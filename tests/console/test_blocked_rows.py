"""An order that needs a person does not look well in the list of orders, whatever its status."""

import re

from tests.console.test_sign_in import opened, sign_in, token
from tests.support.waiting import until
from tests.support.world import World, api_app
from tests.workflows.test_blocked import blocked_sale


async def test_a_confirmed_order_whose_saga_is_blocked_needs_attention(world: World) -> None:
    order_id, _ = await blocked_sale(world)
    plain = await world.place(await world.product())
    await world.sagas_end(plain)
    async with opened(api_app(world.client, world.services)) as http:
        await sign_in(http, token())

        async def badges(which: str) -> list[str]:
            page = (await http.get("/console")).text
            row = re.search(rf'<tr data-key="{which}">.*?</td>', page, re.DOTALL)
            assert row is not None
            return re.findall(r'class="badge is-(\w+)"', row[0])

        async def is_marked() -> bool:
            return await badges(order_id) == ["confirmed", "blocked"]

        await until(is_marked)
        assert await badges(plain) == ["confirmed"]
    world.gates.allow(f"order-{order_id}")
