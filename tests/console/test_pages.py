"""All pages at once: usable by keyboard and screen reader, and whole without any data."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from console.settings import Settings
from console.templating import words
from contracts.orders import OrderStatus
from tests.support.browser import Visit, visit
from tests.support.wire import serve
from tests.support.world import World, api_app
from tests.workflows.test_blocked import blocked_refund

pytestmark = pytest.mark.console
METRICS = """\
# TYPE saga_breaker_state gauge
saga_breaker_state{dependency="payment_provider",state="open"} 1.0
saga_breaker_state{dependency="payment_provider",state="closed"} 0.0
# TYPE temporal_activity_schedule_to_start_latency histogram
temporal_activity_schedule_to_start_latency_bucket{task_queue="payments",le="+Inf"} 4
temporal_activity_schedule_to_start_latency_sum{task_queue="payments"} 100
temporal_activity_schedule_to_start_latency_count{task_queue="payments"} 4
# TYPE saga_instance_up gauge
saga_instance_up{service="payment",instance="payment-1",address="10.0.0.1:1"} 1.0
saga_instance_up{service="payment",instance="payment-2",address="10.0.0.1:2"} 0.0
"""


def host(port: int, calls: int, **wrong: bool) -> dict[str, Any]:
    """One instance, as Envoy tells of it."""
    return {
        "address": {"socket_address": {"address": "10.0.0.1", "port_value": port}},
        "stats": [{"name": "rq_total", "value": str(calls)}],
        "health_status": {"eds_health_status": "HEALTHY", **wrong},
    }


SPREAD = {
    "cluster_statuses": [
        {
            "name": "payment",
            "host_statuses": [host(1, 30), host(2, 10, failed_active_health_check=True)],
        },
        {"name": "api", "host_statuses": [{"stats": []}]},
    ]
}


async def others(scope: Any, receive: Any, send: Any) -> None:
    """A worker that is asked for metrics, and an Envoy that is asked for its clusters."""
    body = METRICS if scope["path"] == "/metrics" else json.dumps(SPREAD)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})


@pytest_asyncio.fixture(scope="module")
async def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest_asyncio.fixture(scope="module")
async def equipped(world: World, reports: Path) -> AsyncIterator[str]:
    """A console that has been told of everything there is to look at."""
    async with serve(others, lifespan="off") as asked:
        settings = Settings(
            trace_url="http://127.0.0.1:1/trace?tags={saga_id}",
            payment_url="http://127.0.0.1:1/payments/{intent_id}",
            reports=(reports,),
            metrics=(
                f"worker-1=http://127.0.0.1:{asked.port}/metrics",
                "worker-2=http://127.0.0.1:1/metrics",
            ),
            envoy=f"http://127.0.0.1:{asked.port}",
        )
        async with serve(api_app(world.client, world.services, console=settings)) as api:
            yield f"http://127.0.0.1:{api.port}"


async def serious(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody from using the page."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{row['id']}: {[node['html'] for node in row['nodes']]}"
        for row in found
        if row["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_on_any_page(
    world: World, browser: Browser, equipped: str, scheme: Any
) -> None:
    sku = await world.product()
    rejected = await world.place(sku, method="pm_card_visa_chargeDeclined")
    await world.settled(rejected, sku, "rejected")
    blocked, _ = await blocked_refund(world)
    waiting = await world.place(await world.product(), method="pm_sandbox_down")
    problems = {}
    async with visit(browser, equipped, color_scheme=scheme) as found:
        page = found.page
        await found.goto("/console")
        problems["sign in"] = await serious(page)
        await found.sign_in()
        for path in (
            "",
            f"/orders/{rejected}",
            f"/orders/{blocked}",
            f"/orders/{waiting}",
            f"/orders/{waiting}/cancel",
            "/attention",
            f"/sagas/order-{blocked}/steps/charge_payment/resolve?action=skip",
            "/services",
            "/reports",
        ):
            await found.goto(f"/console{path}")
            if await page.get_by_role("status").count():
                await expect(page.get_by_role("status")).to_have_text("live")
            problems[path] = await serious(page)
    await world.http.post(f"/v1/orders/{waiting}/cancel")
    assert {path: problem for path, problem in problems.items() if problem} == {}


async def test_a_figure_tells_its_window_and_what_its_colours_are(
    browser: Browser, equipped: str
) -> None:
    async with visit(browser, equipped) as found:
        page = found.page
        await found.goto("/console")
        await found.sign_in()
        for name in ("Orders a minute", "Confirmed"):
            figure = page.locator("#figures .figure").filter(has_text=name)
            await expect(figure.locator(".window")).to_contain_text(
                "the last 10 minutes, a bar for"
            )
        confirmed = page.locator("#figures .figure").filter(has_text="Confirmed")
        await expect(confirmed.locator(".window")).to_have_text(
            "of those that were placed in the last 10 minutes, a bar for each 10 s, and have "
            "ended by now"
        )
        told = (
            await page.get_by_role("list", name="Colours").get_by_role("listitem").all_inner_texts()
        )
    assert sorted(", ".join(told).split(", ")) == sorted(words(status) for status in OrderStatus)


async def test_services_shows_what_the_others_say(browser: Browser, equipped: str) -> None:
    async with visit(browser, equipped) as found:
        page = found.page
        await found.goto("/console/services")
        await found.sign_in()
        payments = page.locator("#queues tr").filter(has_text="payments")
        await expect(payments).to_contain_text("25 ms mean of 4")
        assert int(await payments.locator("td").last.inner_text()) >= 1  # workers
        await expect(page.locator("#workers tbody tr").first).to_contain_text("ago")
        row = page.get_by_role("row", name="worker-1 payment provider open")
        await expect(row).to_be_visible()
        await expect(page.locator("#breakers")).to_contain_text("No answer from worker-2")
        await expect(
            page.get_by_role("row", name="payment payment-1 10.0.0.1:1 up", exact=True)
        ).to_be_visible()
        gone = page.get_by_role("row", name="payment payment-2 10.0.0.1:2 down", exact=True)
        await expect(gone).to_be_visible()
        for share in ("payment 10.0.0.1:1 up 75 % 30", "payment 10.0.0.1:2 down 25 % 10"):
            await expect(page.get_by_role("row", name=share)).to_be_visible()
        await expect(page.locator("#balancing tbody tr")).to_have_count(2)


async def test_reports_are_listed_and_opened_and_can_do_nothing(
    browser: Browser, equipped: str, reports: Path
) -> None:
    async with visit(browser, equipped) as found:
        page = found.page
        await found.goto("/console/reports")
        await found.sign_in()
        await expect(page.locator("main")).to_contain_text("There are no reports yet")
        await expect(page.locator("main")).to_contain_text("saga verify --html")
        script = "<script>document.title = 'ran'</script>"
        (reports / "verifier.html").write_text(f"<title>Matrix</title><h1>PlaceOrder</h1>{script}")
        (reports / "notes.txt").write_text("not a report")
        (reports / "bench.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect/></svg>'
        )
        await page.reload()
        await expect(page.locator(".reports li")).to_have_count(2)
        await expect(page.get_by_role("img", name="bench.svg")).to_have_js_property(
            "complete", value=True
        )
        await page.get_by_role("link", name="verifier.html").click()
        await expect(page.get_by_role("heading", name="PlaceOrder")).to_be_visible()
        assert await page.title() == "Matrix"
        found.forgive("sandboxed")
        found.forgive("Content Security Policy")


async def test_links_lead_to_temporal_the_trace_and_the_payment(
    world: World, browser: Browser, equipped: str
) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    payment = await world.services.payments.for_order(order_id)
    async with visit(browser, equipped) as found:
        await found.goto(f"/console/orders/{order_id}")
        await found.sign_in()
        page = found.page
        for name, where in (
            ("Temporal UI", f"/namespaces/default/workflows/order-{order_id}"),
            ("Trace", f"/trace?tags=order-{order_id}"),
            (str(payment.intent_id), f"/payments/{payment.intent_id}"),
        ):
            link = page.get_by_role("link", name=name)
            assert str(await link.get_attribute("href")).endswith(where)


async def test_everything_is_reached_by_the_keyboard(operator: Visit, world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    page = operator.page
    await expect(page.get_by_role("link", name=order_id)).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(60):
        await page.keyboard.press("Tab")
        text = await page.evaluate("document.activeElement.textContent")
        if order_id in text and await page.evaluate("document.activeElement.tagName") == "A":
            break
    later = await world.place(sku)  # the focus stays while rows come in above it
    await expect(page.get_by_role("link", name=later)).to_be_visible()
    await expect(page.get_by_role("link", name=order_id)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(order_id)


async def test_a_phone_shows_every_page_without_scrolling_sideways(
    world: World, browser: Browser, equipped: str
) -> None:
    blocked, _ = await blocked_refund(world)
    phone = {"width": 375, "height": 700}
    async with visit(browser, equipped, viewport=phone, has_touch=True) as found:
        await found.goto("/console")
        await found.sign_in()
        for path in ("", f"/orders/{blocked}", "/attention", "/services", "/reports"):
            await found.goto(f"/console{path}")
            wide = await found.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= phone["width"], path
