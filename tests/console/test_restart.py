"""A page goes on by itself after the API was killed and came back."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.api_process import running_api_process
from tests.support.browser import visit
from tests.support.world import World

pytestmark = pytest.mark.console


async def test_the_stream_comes_back_after_the_api_restarts(
    world: World, browser: Browser, tmp_path: Path
) -> None:
    sku = await world.product()
    async with running_api_process(world, tmp_path) as api:
        async with visit(browser, f"http://127.0.0.1:{api.port}") as found:
            page = found.page
            await found.goto("/console")
            await found.sign_in()
            status = page.get_by_role("status")
            await expect(status).to_have_text("live")
            await page.evaluate("window.same = true")
            before = api.pid
            api.kill()
            await expect(status).to_have_text("reconnecting")
            missed = await world.place(sku)
            await expect(status).to_have_text("live")
            assert api.pid != before
            await expect(page.get_by_role("link", name=missed)).to_be_visible()
            seen = await world.place(sku)
            await expect(page.get_by_role("link", name=seen)).to_be_visible()
            assert await page.evaluate("window.same")
            found.forgive("ERR_CONNECTION_REFUSED")
            found.forgive("ERR_INCOMPLETE_CHUNKED_ENCODING")
            found.forgive("ERR_CONNECTION_RESET")
