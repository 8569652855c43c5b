"""Debian's Chromium, driven by Playwright, and what it complains of."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from api.security.authentication import Scope
from tests.support.tokens import OPERATOR, bearer

PATIENCE = 20_000  # milliseconds that an element may take to appear
FLAGS = ("--disable-dev-shm-usage", "--force-color-profile=srgb")


def program() -> str:
    """Where Chromium is. FileNotFoundError if it is not installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise FileNotFoundError("the tests of the console need chromium: apt-get install chromium")
    return found


@asynccontextmanager
async def launch_browser() -> AsyncIterator[Browser]:
    """A browser without a window. As root it has no sandbox: it sees our own pages only."""
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program(), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visit:
    """One operator at the console, and everything that the browser found wrong."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def goto(self, path: str) -> None:
        """Open a page of the console."""
        await self.page.goto(self.url + path)

    async def sign_in(self, token: str = "") -> None:
        """By the form, as an operator if no token is given."""
        token = token or bearer(OPERATOR, Scope.OPERATOR)["Authorization"].removeprefix("Bearer ")
        await self.page.get_by_label("Token").fill(token)
        await self.page.get_by_role("button", name="Sign in").click()

    def forgive(self, words: str) -> None:
        """Drop complaints with these words: the test itself brought them about."""
        self.complaints = [complaint for complaint in self.complaints if words not in complaint]

    def _note_complaint(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} {message.location}")


@asynccontextmanager
async def visit(browser: Browser, url: str, **options: Any) -> AsyncIterator[Visit]:
    """A window of its own, with nothing remembered; options are those of Playwright's contexts.

    At the end nothing may have been wrong: no error in the browser's console (where it reports what
    the content security policy refused), no exception, no request to anywhere else.
    """
    context = await browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    found = Visit(page, url)
    page.on("console", found._note_complaint)
    page.on("pageerror", lambda error: found.complaints.append(f"exception: {error}"))

    def note_request(request: Request) -> None:
        if not request.url.startswith(url):
            found.complaints.append(f"asked elsewhere: {request.url}")

    page.on("request", note_request)
    try:
        yield found
    finally:
        await context.close()
    assert found.complaints == []
