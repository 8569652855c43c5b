"""A shop up to the disaster: made once, kept as files, and begun from there as often as needed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from contracts.names import DATABASES
from contracts.orders import OrderStatus
from infrastructure.settings import DatabaseSettings
from tests.restore.dumps import BUSY, copied_server, dump, name_of, restore
from tests.restore.events import Ears, listening
from tests.restore.scheduled import scheduled_audit
from tests.restore.shop import Drilled, Shop, planned
from tests.support.databases import Server, running_server
from tests.support.world import World, running_world

FILES = ("temporal.db", "sandbox.db")


class Stand(NamedTuple):
    """How an order stands, by those who answer for it."""

    status: OrderStatus | None  # None: there is no record
    captured: int
    refunded: int
    reserved: int
    sold: int


@dataclass(frozen=True)
class Recording:
    """What the disaster meets. `stands` is how each order stood right before it."""

    folder: Path
    names: dict[str, str]
    orders: Sequence[Drilled]
    stands: dict[str, Stand]
    ears: Ears

    @asynccontextmanager
    async def with_restored(
        self, service: str, folder: Path, fresh: Server | None
    ) -> AsyncIterator[World]:
        """All of it as it was, but for one database, which is of the moment before.

        That is on the server of the others, or on a fresh one.
        """
        async with copied_server(self.folder / "postgres", folder / "postgres") as server:
            urls = {database: server.url(self.names[database]) for database in DATABASES}
            place = fresh or server
            await restore(place, self.names[service], self.folder / f"{service}.dump")
            urls[service] = place.url(self.names[service])
            named = {f"{item}_database_url": url for item, url in urls.items()}
            for file in FILES:
                for part in self.folder.glob(f"{file}*"):
                    (folder / part.name).write_bytes(part.read_bytes())
            async with running_world(folder, DatabaseSettings.model_validate(named)) as world:
                yield world


@asynccontextmanager
async def recorded(folder: Path, sets: int) -> AsyncIterator[Recording]:
    """Place so many orders of each kind, and let the disaster come."""
    place = folder / "postgres"
    place.mkdir()
    orders = planned(sets)
    async with running_server(place) as server:
        await server.execute(BUSY)
        databases = await server.databases()
        async with Ears.open() as ears:
            async with running_world(folder, databases) as world:
                stands = await _shop(world, orders, ears, folder)
            await server.postgres.stop()
            names = {database: name_of(databases, database) for database in DATABASES}
            yield Recording(folder, names, orders, stands, ears)


async def _shop(
    world: World, orders: Sequence[Drilled], ears: Ears, folder: Path
) -> dict[str, Stand]:
    shop = Shop(world, orders)
    await shop.open()
    async with listening(world, ears):
        await scheduled_audit(world)  # what it remembers is from before
        await shop.before_the_moment()
        await dump(world.databases, folder)
        await shop.behind_the_moment()
        await ears.settled(world)
    return {order.id: await stand(world, order) for order in orders}


async def stand(world: World, order: Drilled) -> Stand:
    """How it stands now; its pieces are conserved whatever else is true."""
    found = await world.services.orders.statuses([order.id])
    _, reserved, sold = await world.stock(order.sku)
    captured, refunded = await world.provider.fetch_moved(order.id)
    return Stand(found.get(order.id), captured, refunded, reserved, sold)
