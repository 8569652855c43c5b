"""Stock, customers, events and webhooks as pages, demo orders, and pages for errors."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx2
import pytest
import pytest_asyncio

from console.pages import customers, events, stock
from console.settings import Settings
from contracts.inventory import Product
from contracts.orders import OrderFilter
from contracts.webhooks import WebhookService
from tests.console.test_sign_in import HERE, form_key, opened, sign_in, token
from tests.support.waiting import until
from tests.support.world import World, api_app


@pytest_asyncio.fixture(scope="module")
async def http(world: World, hooks: WebhookService) -> AsyncIterator[httpx2.AsyncClient]:
    """A console with webhooks, whose empty list offers demo orders; an operator is signed in."""
    console = Settings(demo_orders=True)
    async with opened(api_app(world.client, world.services, console, webhooks=hooks)) as client:
        await sign_in(client, token())
        yield client


async def rows(http: httpx2.AsyncClient, path: str) -> tuple[list[str], str]:
    """The keys of a live table's rows, and where the next page is, if there is one."""
    page = (await http.get(path)).raise_for_status().text
    more = re.search(r'<a href="([^"]*)">(?:More|Older)', page)
    link = more[1].replace("&amp;", "&") if more else ""
    return re.findall(r'<tr data-key="([^"]+)">', page), link


async def test_stock_is_found_and_goes_on_page_by_page(
    world: World, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {await world.product(stock=stock) for stock in (0, 7, 7)}
    monkeypatch.setattr(stock, "ROWS", 2)
    seen: list[str] = []
    path = "/console/stock?q=SKU-"
    while path and not mine <= set(seen):
        found, path = await rows(http, path)
        assert len(found) <= 2
        seen += found
    assert mine <= set(seen)
    assert len(seen) == len(set(seen))
    (one, *_) = mine
    page = (await http.get(f"/console/stock?q={one.lower()}")).text
    assert re.findall(r'data-key="([^"]+)"', page) == [one]


async def test_customers_are_listed_without_who_they_are(
    world: World, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = await world.user(), await world.user(active=False)
    monkeypatch.setattr(customers, "ROWS", 1)
    page = (await http.get("/console/customers")).text
    assert last in page
    assert "is-inactive" in page
    assert "test@example.com" not in page
    older = re.search(r'<a href="([^"]*)">Older', page)
    assert older is not None
    assert first in (await http.get(older[1])).text


async def test_a_customers_page_has_the_account_its_orders_and_its_webhooks(
    world: World, http: httpx2.AsyncClient, hooks: WebhookService
) -> None:
    user, sku = await world.user(), await world.product()
    hook = await hooks.register(user, "https://shop.example/hooks", ())
    order_id = await world.place(sku, user=user)
    await world.settled(order_id, sku, "confirmed")
    led = await http.get(f"/console/customers?q={user}")
    assert (led.status_code, led.headers["location"]) == (303, f"/console/customers/{user}")
    page = (await http.get(led.headers["location"])).text
    for told in ("test@example.com", order_id, hook.id, "https://shop.example/hooks"):
        assert told in page
    await world.services.users.erase(user)
    page = (await http.get(f"/console/customers/{user}")).text
    assert "test@example.com" not in page
    assert "The person is forgotten" in page


async def test_events_go_back_page_by_page_and_miss_none(
    world: World, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    mine = await world.services.orders.history(order_id)
    monkeypatch.setattr(events, "ROWS", 2)
    versions: list[int] = []
    path = "/console/events"
    while path and len(versions) < len(mine):
        page = (await http.get(path)).text
        told = re.findall(rf'orders/{order_id}">.*?data-label="Version">(\d+)<', page, re.DOTALL)
        versions += [int(version) for version in told]
        older = re.search(r'<a href="([^"]*)">Older', page)
        path = older[1] if older else ""
    assert versions == [event.version for event in reversed(mine)]


async def test_a_webhook_shows_where_it_leads_and_what_became_of_deliveries(
    world: World, http: httpx2.AsyncClient, hooks: WebhookService
) -> None:
    hook = await hooks.register(await world.user(), "https://shop.example/orders", ())
    listed = (await http.get("/console/webhooks")).text
    assert hook.id in listed
    assert hook.secret not in listed
    page = (await http.get(f"/console/webhooks/{hook.id}?state=dead")).text
    assert "No deliveries in this state" in page
    assert hook.secret not in page


async def test_without_an_event_database_the_page_says_so(world: World) -> None:
    async with opened(api_app(world.client, world.services)) as bare:
        await sign_in(bare, token())
        assert "EVENT_DATABASE_URL" in (await bare.get("/console/webhooks")).text
        refused = await bare.post(
            "/console/demo-orders", data={"form_key": await form_key(bare)}, headers=HERE
        )
        assert refused.status_code == 409


async def test_demo_orders_are_placed_by_a_button(world: World, http: httpx2.AsyncClient) -> None:
    assert "Place demo orders" in (await http.get("/console")).text
    assert "Place demo orders" not in (await http.get("/console?status=rejected")).text
    form = {"form_key": await form_key(http)}
    for _ in range(2):  # the products are there the second time
        placed = await http.post("/console/demo-orders", data=form, headers=HERE)
        assert (placed.status_code, placed.headers["location"]) == (303, "/console")
        (customer,) = (await world.services.users.list_accounts(limit=1, cursor=None)).items
        only = OrderFilter(customer_id=customer.id)

        async def ends(only: OrderFilter = only) -> list[str]:
            found = await world.services.orders.page(only, limit=10, cursor=None)
            return sorted(order.status for order in found.items)

        async def have_ended() -> bool:
            return await ends() == ["confirmed"] * 3 + ["rejected"] * 2

        await until(have_ended, within=60)


class BrokenStock:
    """An inventory with a bug."""

    async def list_products(self, skus: Sequence[str] | None = None) -> list[Product]:
        raise RuntimeError("a bug, with a secret in its words")


async def test_errors_are_pages_with_a_way_back(world: World, http: httpx2.AsyncClient) -> None:
    nowhere = await http.get("/console/nowhere/at/all")
    assert nowhere.status_code == 404
    assert "There is no such thing" in nowhere.text
    assert 'aria-label="Console"' in nowhere.text  # the navigation
    wrong = await http.put("/console/stock")
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "text/html; charset=utf-8")
    programs = await http.get("/v1/nowhere")
    assert programs.headers["content-type"] == "application/problem+json"
    broken = replace(world.services, inventory=BrokenStock())  # type: ignore[arg-type]  # a part
    async with opened(api_app(world.client, broken)) as faulty:
        await sign_in(faulty, token())
        fault = await faulty.get("/console/stock", headers={"X-Request-Id": "told-to-the-log"})
        assert fault.status_code == 500
        assert "Something went wrong" in fault.text
        assert "told-to-the-log" in fault.text
        assert "secret" not in fault.text


async def test_who_may_not_is_led_to_sign_in_as_somebody_else(http: httpx2.AsyncClient) -> None:
    cookie = f"saga_console={token('customer', subject='usr_1')}"
    refused = await http.get("/console/stock", headers={"Cookie": cookie})
    assert refused.status_code == 403
    assert 'href="/console/sign-in"' in refused.text
