"""`make images`: takes the pictures that the documents show, of real sagas."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from playwright.async_api import Browser, Page, expect

from contracts.names import ORDER_EVENTS, workflow_id
from infrastructure.postgres.notify import NotificationListener
from saga import rejection
from tests.support.browser import Visit, launch_browser, visit
from tests.support.databases import running_server
from tests.support.waiting import until
from tests.support.wire import serve
from tests.support.world import World, api_app, running_world

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1180, "height": 780}
PHONE = {"width": 390, "height": 760}
METHODS = (
    *["pm_card_visa"] * 16,
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_chargeDeclinedExpiredCard",
)
ORDERS = 160


async def shop(world: World) -> None:
    """Orders of many kinds, as if they had come in the last ten minutes."""
    chance = random.Random(7)
    skus = [await world.product(stock=1000, minor=item) for item in (1250, 4900, 9900, 320)]
    users = [await world.user() for _ in range(9)]
    for _ in range(ORDERS // 8):
        some = range(8)
        await asyncio.gather(
            *(
                world.place(
                    chance.choice(skus),
                    user=chance.choice(users),
                    method=chance.choice(METHODS),
                    quantity=chance.randint(1, 4),
                )
                for _ in some
            )
        )
    url = str(world.databases.order_database_url).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)

    async def ended() -> bool:
        query = "SELECT count(*) FROM orders WHERE status <> 'pending'"
        return bool(await connection.fetchval(query) >= ORDERS)

    await until(ended, within=120)
    for row in await connection.fetch("SELECT id FROM orders"):
        ago = chance.triangular(0, 600, 60)
        shift = (
            "UPDATE orders SET created_at = created_at - make_interval(secs => $1) WHERE id = $2"
        )
        await connection.execute(shift, ago, row["id"])
    await connection.close()


async def blocked(world: World, quantity: int) -> str:
    """An order whose refund the bank refuses."""
    sku, order_id = await world.product(minor=4900), world.next_order_id()
    lost = rejection("not_pending", "the order was closed meanwhile")
    refused = rejection("refund_refused", "The bank refuses this refund: the account is closed.")
    world.gates.refuse(workflow_id(order_id), "order.confirm", lost)
    world.gates.refuse(workflow_id(order_id), "payment.refund", refused)
    await world.place(sku, quantity=quantity)

    async def is_blocked() -> bool:
        return bool((await world.rest(f"/v1/orders/{order_id}"))["status"] == "blocked")

    await until(is_blocked)
    return order_id


async def take(page: Page, name: str) -> None:
    """When the page is live; the pointer and the focus are out of the way."""
    status = page.get_by_role("status")
    if await status.count():
        await expect(status).to_have_text("live")
    await page.mouse.move(0, 0)
    await page.wait_for_timeout(1500)  # new rows light up for a moment
    await page.screenshot(path=FOLDER / f"console-{name}.png")


async def all_of_them(world: World, browser: Browser, url: str) -> None:
    """Every picture."""
    await shop(world)
    rejected = await world.place(await world.product(minor=4900), method=METHODS[-2])
    for quantity in (7, 2):
        await blocked(world, quantity)
    waiting = await world.place(await world.product(minor=9900), method="pm_sandbox_down")
    async with visit(browser, url, viewport=SIZE) as found:
        page = found.page
        await found.goto("/console")
        await found.sign_in()
        await take(page, "orders")
        await found.goto(f"/console/orders/{waiting}")
        await take(page, "retrying")
        await found.goto("/console/attention")
        await take(page, "attention")
        await dark(found, rejected)
    await world.http.post(f"/v1/orders/{waiting}/cancel")


async def dark(found: Visit, rejected: str) -> None:
    """In the other colours, and on a phone."""
    await found.page.get_by_role("button", name="Switch to dark colours").click()
    await found.goto(f"/console/orders/{rejected}")
    await take(found.page, "rejected")
    await found.page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a TypedDict of the same
    await take(found.page, "phone")


@asynccontextmanager
async def console() -> AsyncIterator[tuple[World, str]]:
    """A world of its own, and where its console is."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        async with running_server(Path(one)) as server:
            databases = await server.databases()
            async with running_world(Path(other), databases) as world:
                notifications = NotificationListener(databases.order_database_url, ORDER_EVENTS)
                app = api_app(world.client, world.services, notifications=notifications)
                async with serve(app) as api:
                    yield world, f"http://127.0.0.1:{api.port}"


async def main() -> None:
    """Take them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with console() as (world, url), launch_browser() as browser:
        await all_of_them(world, browser, url)


if __name__ == "__main__":
    asyncio.run(main())
