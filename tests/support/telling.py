"""What people are told of one order, by everything that tells of it, at one moment."""

import asyncio
from dataclasses import dataclass
from typing import Any

from api.dependencies import Backend
from cli.client import Api
from cli.operate.explain import story
from cli.operate.order_details import read_order_details
from console import order_details
from console.dependencies import ConsoleBackend
from console.pages.order import _view
from console.settings import Settings
from console.templating import part
from tests.support.tokens import bearer, verifier
from tests.support.wire import serve
from tests.support.world import World, api_app

PARTS = ("summary", "sagas", "money")


@dataclass(frozen=True)
class Told:
    """The story and the saga of the API, what `saga explain` prints, and the console's page."""

    story: dict[str, Any]
    saga: dict[str, Any]
    explained: str
    page: str

    @property
    def sentences(self) -> tuple[str, str, str]:
        """Everything that is said in words, of each place where it is."""
        return str(self.story), self.explained, self.page


def backend_of(world: World) -> Backend:
    """What the console's pages are made of."""
    return Backend.of(world.client, world.services, verifier(), "http://127.0.0.1:8233")


async def read_told(world: World, order_id: str) -> Told:
    """Ask all of them."""
    deps = ConsoleBackend.extend(backend_of(world), Settings())
    async with serve(api_app(world.client, world.services)) as served:
        token = bearer()["Authorization"].removeprefix("Bearer ")
        api = Api(f"http://127.0.0.1:{served.port}", token)
        try:
            details = await asyncio.to_thread(read_order_details, api, order_id)
        finally:
            api._http.close()
    case = await order_details.read_order_details(order_id, deps)
    page = [part("order_parts.html", f"{name}_part", case, _view(case, deps)) for name in PARTS]
    return Told(
        story=await world.rest(f"/v1/orders/{order_id}/story"),
        saga=await world.rest(f"/v1/orders/{order_id}/saga"),
        explained="\n".join(story(details)),
        page="\n".join(page),
    )
