"""A real browser before a real API."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from contracts.names import ORDER_EVENTS
from contracts.webhooks import WebhookService
from infrastructure.postgres.notify import NotificationListener
from services.event.wiring import open_webhooks
from tests.support.browser import Visit, launch_browser, visit
from tests.support.wire import serve
from tests.support.world import World, api_app


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with launch_browser() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def hooks(world: World) -> AsyncIterator[WebhookService]:
    """The world's webhooks."""
    async with open_webhooks(world.databases.event_database_url) as found:
        assert found is not None
        yield found


@pytest_asyncio.fixture(scope="module")
async def console(world: World) -> AsyncIterator[str]:
    """Where an API serves its console."""
    notifications = NotificationListener(world.databases.order_database_url, ORDER_EVENTS)
    app = api_app(
        world.client,
        world.services,
        event_database_url=world.databases.event_database_url,
        notifications=notifications,
    )
    async with serve(app) as api:
        yield f"http://127.0.0.1:{api.port}"


@pytest_asyncio.fixture
async def operator(browser: Browser, console: str) -> AsyncIterator[Visit]:
    """An operator who has signed in, and sees the live orders."""
    async with visit(browser, console) as found:
        await found.goto("/console")
        await found.sign_in()
        yield found
