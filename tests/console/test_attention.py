"""What waits for an operator is seen, weighed, tried out and resolved; who did it is kept."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import expect

from api.security.authentication import Scope
from tests.support.browser import Visit
from tests.support.tokens import AUDIENCE, ISSUER
from tests.support.world import World
from tests.workflows.test_blocked import blocked_refund
from tests.workflows.test_one_order_audited import audit_order, with_failed_refund

pytestmark = pytest.mark.console


async def test_a_blocked_order_is_resolved_with_evidence_and_it_is_kept_who_did_it(
    world: World, operator: Visit
) -> None:
    page = operator.page
    await operator.goto("/console/attention")
    order_id, sku = await blocked_refund(world)
    card = page.get_by_role("article").filter(has_text=order_id)
    await expect(card).to_contain_text("charge payment cannot be undone")
    await expect(card).to_contain_text("10.00 EUR")
    await card.get_by_role("link", name="Mark as done").click()
    deeds = page.locator(".deeds")
    await expect(deeds).to_contain_text("counts it as done by other means")
    assert await world.provider.fetch_moved(order_id) == (1000, 0)  # looking did nothing
    await page.get_by_role("button", name="Mark as done").click()  # without evidence
    assert await page.evaluate("document.querySelector(':invalid') !== null")
    await page.get_by_label("How can one see").fill("paid back by bank transfer 4711")
    await page.get_by_role("button", name="Mark as done").click()
    await expect(page.locator("#summary")).to_contain_text("this was done by other means")
    await expect(page.locator("#events")).to_contain_text("paid back by bank transfer 4711")
    await operator.goto("/console/attention")
    decided = page.locator("#decisions tr").filter(has_text=order_id)
    await expect(decided).to_contain_text("operator-of-the-tests")
    await expect(decided).to_contain_text("mark done charge payment")
    await expect(decided).to_contain_text("paid back by bank transfer 4711")
    await expect(card).to_have_count(0)
    assert await world.stock(sku) == (100, 0, 0)


async def test_money_of_an_order_that_has_ended_is_settled_from_the_list(
    world: World, operator: Visit
) -> None:
    order_id, _ = await with_failed_refund(world)
    await audit_order(world, order_id, repair=False)
    page = operator.page
    await operator.goto("/console/attention")
    card = page.get_by_role("article").filter(has_text=order_id)
    await expect(card).to_contain_text("the refund failed later")
    await card.get_by_role("link", name="Settle").click()
    await expect(page.locator(".deeds")).to_contain_text("10.00 EUR is at the provider")
    await page.get_by_label("How can one see").fill("bank transfer 12")
    await page.get_by_role("button", name="Settle").click()
    await expect(page.locator("#summary")).to_contain_text("this was done by other means")
    await operator.goto("/console/attention")
    await expect(card).to_have_count(0)


async def test_a_retry_that_is_refused_again_is_blocked_again(
    world: World, operator: Visit
) -> None:
    order_id, _ = await blocked_refund(world)
    page = operator.page
    await operator.goto(f"/console/orders/{order_id}")
    await expect(page.locator(".half.undo.is-blocked")).to_contain_text("payment.refund")
    await page.get_by_role("link", name="Resolve…").click()
    card = page.get_by_role("article").filter(has_text=order_id)
    await card.get_by_role("link", name="Try again").click()
    await page.get_by_role("button", name="Try again").click()
    events = page.locator("#events li").filter(has_text="StepBlocked")
    await expect(events).to_have_count(2)
    await expect(page.locator(".verdict")).to_contain_text("It waits for an operator")


async def test_the_most_money_comes_first(world: World, operator: Visit) -> None:
    small, _ = await blocked_refund(world)
    large, _ = await blocked_refund(world, quantity=50)
    page = operator.page
    await operator.goto("/console/attention")
    ours = page.get_by_role("article").filter(has_text=re.compile(f"{small}|{large}"))
    await expect(ours).to_have_count(2)
    await expect(ours.first).to_contain_text(large)


async def test_a_session_that_ends_while_one_looks_on_leads_to_the_sign_in(
    world: World, operator: Visit
) -> None:
    page = operator.page
    await page.context.clear_cookies()
    await operator.goto("/console")
    brief = ISSUER.mint(AUDIENCE, "brief", [Scope.OPERATOR], timedelta(seconds=-5))
    await operator.sign_in(brief)  # clocks may differ by ten seconds, so five are left
    await expect(page.get_by_role("status")).to_have_text("live")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.url.endswith("/console/sign-in?next=%2Fconsole")
    operator.forgive("401")
