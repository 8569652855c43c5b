"""Every page at two widths, light and dark: usable by all, and nothing of it is cut off."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from contracts.webhooks import WebhookService
from tests.console.cut_content import find_cut_content
from tests.console.test_pages import serious
from tests.support.browser import visit
from tests.support.wire import serve
from tests.support.world import World, api_app
from tests.workflows.test_blocked import blocked_refund, resolve

pytestmark = pytest.mark.console
WIDTHS = (1280, 390)


@pytest_asyncio.fixture(scope="module")
async def paths(world: World, hooks: WebhookService) -> list[str]:
    """Every page of the console, with something on it."""
    user, sku = await world.user(), await world.product()
    rejected = await world.place(sku, user=user, method="pm_card_visa_chargeDeclined")
    await world.settled(rejected, sku, "rejected")
    settled, _ = await blocked_refund(world)
    word = {"action": "mark_done", "evidence": "paid back by hand"}
    assert await resolve(world, settled, "charge_payment", **word) == 202
    await world.handle(settled).result()
    blocked, _ = await blocked_refund(world)
    hook = await hooks.register(user, "https://shop.example/a/path/that/is/long/" + "x" * 80, ())
    return [
        *("", "/stock", "/customers", f"/customers/{user}", "/events", "/webhooks"),
        f"/webhooks/{hook.id}",
        f"/orders/{rejected}",
        f"/orders/{settled}",
        f"/orders/{blocked}",
        "/attention",
        f"/sagas/order-{blocked}/steps/charge_payment/resolve?action=skip",
        *("/services", "/reports", "/nowhere"),
    ]


@pytest_asyncio.fixture(scope="module")
async def console_with_hooks(world: World, hooks: WebhookService) -> AsyncIterator[str]:
    async with serve(api_app(world.client, world.services, webhooks=hooks)) as api:
        yield f"http://127.0.0.1:{api.port}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_usable_and_whole_at_every_width(
    browser: Browser, console_with_hooks: str, paths: list[str], scheme: Any
) -> None:
    problems: dict[str, list[str]] = {}
    async with visit(browser, console_with_hooks, color_scheme=scheme) as found:
        page = found.page
        await found.goto("/console")
        problems["sign in"] = await serious(page) + await find_cut_content(page)
        await found.sign_in()
        for path in paths:
            await found.goto(f"/console{path}")
            if await page.get_by_role("status").count():
                await expect(page.get_by_role("status")).to_have_text("live")
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 800})
                wrong = await serious(page) + await find_cut_content(page)
                problems[f"{path} at {width}"] = wrong
        found.forgive("404")
    assert {path: problem for path, problem in problems.items() if problem} == {}
