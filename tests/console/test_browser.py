"""What an operator does in a browser: look on, look into, cancel, return and settle."""

import re

import httpx2
import pytest
from playwright.async_api import Browser, expect

from api.security.authentication import Scope
from tests.console.test_pages import serious
from tests.support.browser import Visit, visit
from tests.support.gates import BEFORE
from tests.support.tokens import OPERATOR, bearer
from tests.support.world import World
from tests.workflows.test_one_order_audited import with_failed_refund

pytestmark = pytest.mark.console


async def test_orders_show_as_they_are_placed_and_change_as_they_go_on(
    world: World, operator: Visit
) -> None:
    page = operator.page
    await expect(page.get_by_role("status")).to_have_text("live")
    order_id, sku, gate = await world.stopped_at("order.confirm", BEFORE)
    row = page.get_by_role("row").filter(has_text=order_id)
    await expect(row).to_contain_text("pending")
    await gate.open()
    await expect(row).to_contain_text("confirmed")
    await world.settled(order_id, sku, "confirmed")
    await row.get_by_role("link", name=order_id).click()
    await expect(page.locator("#summary")).to_contain_text("It was charged once")
    await expect(page.locator(".node.kind-pivot .action")).to_contain_text("done")


async def test_an_order_is_watched_to_its_end_without_loading_the_page_again(
    world: World, operator: Visit
) -> None:
    order_id, _, gate = await world.stopped_at("payment.charge", BEFORE)
    await operator.goto(f"/console/orders/{order_id}")
    page = operator.page
    await expect(page.get_by_role("status")).to_have_text("live")
    charge = page.locator(".node").filter(has_text="charge payment").locator(".action")
    await expect(charge).to_contain_text("running")
    await page.evaluate("window.same = true")
    await gate.open()
    await expect(page.locator("#summary")).to_contain_text("confirmed")
    await expect(charge).to_contain_text("done")
    await expect(page.locator("#events")).to_contain_text("OrderConfirmed")
    assert await page.evaluate("window.same")


async def test_cancel_says_what_it_will_do_and_does_it(world: World, operator: Visit) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_down")
    page = operator.page
    await operator.goto(f"/console/orders/{order_id}")
    await expect(page.locator(".next")).to_contain_text(re.compile("next (in|now)"))
    await expect(page.locator(".tries")).to_contain_text("The sandbox is down")
    await page.get_by_role("link", name="Cancel…").click()
    deeds = await page.locator(".deeds li").all_inner_texts()
    assert [deed.partition(":")[0] for deed in deeds] == [
        "charge payment",
        "reserve inventory",
        "create order",
    ]
    await page.get_by_label("Reason").fill("ordered twice")
    await page.get_by_role("button", name="Cancel the order").click()
    await expect(page.locator("#summary")).to_contain_text("Everything that was begun is undone")
    order = await world.settled(order_id, sku, "cancelled")
    assert order.reason is not None
    assert "ordered twice" in order.reason.detail
    await expect(page.locator(".half.undo .order").last).to_have_text("undone first")


async def test_return_says_what_it_will_do_and_does_it(world: World, operator: Visit) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    page = operator.page
    await operator.goto(f"/console/orders/{order_id}")
    await page.get_by_role("link", name="Return…").click()
    await expect(page.locator(".deeds li")).to_have_count(4)
    await expect(page.locator(".deeds")).to_contain_text("gives 10.00 EUR back")
    await page.get_by_role("button", name="Return the order").click()
    await expect(page.locator("#summary")).to_contain_text("The money went back")
    assert await world.provider.fetch_moved(order_id) == (1000, 1000)
    await expect(page.get_by_role("link", name="Return…")).to_have_count(0)


async def test_settle_says_what_it_will_do_and_does_it(world: World, operator: Visit) -> None:
    order_id, _ = await with_failed_refund(world)
    page = operator.page
    await operator.goto(f"/console/orders/{order_id}")
    await page.get_by_role("link", name="Settle…").click()
    await expect(page.locator(".deeds")).to_contain_text("10.00 EUR is at the provider")
    assert await serious(page) == []
    await page.get_by_label("What became of it").select_option("mark_done")
    await page.get_by_label("How can one see that?").fill("bank transfer 12")
    await page.get_by_role("button", name="Settle the order").click()
    await expect(page.locator("#summary")).to_contain_text("done by other means")
    await expect(page.get_by_role("link", name="Settle…")).to_have_count(0)
    settled = (await world.rest(f"/v1/orders/{order_id}"))["settled_by_hand"]
    assert settled == [{"step": "refund_payment", "action": "mark_done"}]


async def test_filters_and_searches_are_in_the_url(world: World, operator: Visit) -> None:
    sku, user = await world.product(), await world.user()
    good = await world.place(sku, user=user)
    bad = await world.place(sku, user=user, method="pm_card_visa_chargeDeclined")
    page = operator.page
    await operator.goto(f"/console?q={user}")
    rows = page.locator("#orders tr")
    await expect(rows).to_have_count(2)
    await page.get_by_role("navigation", name="Status").get_by_text("rejected").click()
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(bad)
    assert page.url.endswith(f"/console?status=rejected&q={user}")
    await expect(page.get_by_role("status")).to_have_text("live")
    later = await world.place(sku, user=user, method="pm_card_visa_chargeDeclined")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text(later)
    await page.get_by_label("Order or customer").fill(good)
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(good)


async def test_why_an_order_failed_is_found_in_three_clicks_of_a_first_time_user(
    world: World, browser: Browser, console: str
) -> None:
    sku = await world.product()
    method = "pm_card_visa_chargeDeclinedInsufficientFunds"
    order_id = await world.place(sku, method=method)
    await world.settled(order_id, sku, "rejected")
    async with visit(browser, console) as newcomer:
        page = newcomer.page
        await page.add_init_script(
            "addEventListener('click', () => "
            "sessionStorage.clicks = 1 + Number(sessionStorage.clicks ?? 0), true)"
        )
        await newcomer.goto("/console")
        await newcomer.sign_in()
        await page.get_by_role("navigation", name="Status").get_by_text("rejected").click()
        await page.get_by_role("link", name=order_id).click()
        await expect(page.locator("#summary")).to_contain_text("Your card has insufficient funds.")
        failed = page.locator(".node .action.is-failed")
        await expect(failed.get_by_role("heading")).to_have_text("charge payment")
        assert await page.evaluate("Number(sessionStorage.clicks)") == 3


async def test_dark_is_as_the_system_says_until_the_switch_says_otherwise(
    browser: Browser, console: str
) -> None:
    def background() -> str:
        return "getComputedStyle(document.body).backgroundColor"

    async with visit(browser, console, color_scheme="dark") as found:
        page = found.page
        await found.goto("/console")
        dark = await page.evaluate(background())
        await found.sign_in()
        await page.get_by_role("button", name="Switch to light colours").click()
        light = await page.evaluate(background())
        assert light != dark
        await page.reload()
        assert await page.evaluate(background()) == light
        await page.get_by_role("button", name="Switch to dark colours").click()
        assert await page.evaluate(background()) == dark


async def test_a_link_signs_in_once_and_leaves_its_code_in_no_history(
    browser: Browser, console: str
) -> None:
    async def create_link() -> str:
        async with httpx2.AsyncClient(
            base_url=console, headers=bearer(OPERATOR, Scope.OPERATOR)
        ) as http:
            made = (await http.post("/console/sign-in/links")).raise_for_status()
        return f"/console/sign-in#code={made.json()['code']}"

    async with visit(browser, console) as found:
        page, link = found.page, await create_link()
        await found.goto(link)
        await expect(page).to_have_url(f"{console}/console")
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        await page.go_back()
        assert "#" not in page.url
        await page.goto("about:blank")
        await found.goto(link)
        await expect(page.get_by_role("alert")).to_contain_text("it was used, or is older")
        assert "#" not in page.url
        found.forgive("401")
        await found.goto("/console/sign-in")
        new = await create_link()
        await page.evaluate("link => { location.href = link }", new)
        await expect(page).to_have_url(f"{console}/console")
