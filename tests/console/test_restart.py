"""A page says when the API is silent, and goes on by itself when it is back."""

import os
import re
import signal
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


async def test_a_page_whose_api_is_frozen_does_not_say_that_it_is_live(
    world: World, browser: Browser, tmp_path: Path
) -> None:
    async with running_api_process(world, tmp_path) as api:
        async with visit(browser, f"http://127.0.0.1:{api.port}") as found:
            page = found.page
            await found.goto("/console/attention")
            await found.sign_in()
            status = page.get_by_role("status")
            await expect(status).to_have_text("live")
            os.kill(api.pid, signal.SIGSTOP)
            try:
                silent = re.compile(r"no word for \d+ s")
                await expect(status).to_have_text(silent, timeout=60_000)
            finally:
                os.kill(api.pid, signal.SIGCONT)
            await expect(status).to_have_text("live")
