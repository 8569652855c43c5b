"""The books add up after what people settled by hand, and say what that was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cli.operate.audit import describe_books, is_clean
from contracts.audits import AuditReport
from tests.support.databases import Server
from tests.support.tokens import OPERATOR
from tests.support.world import World, running_world
from tests.workflows.test_audit import audited
from tests.workflows.test_blocked import blocked_refund, resolve

SLIP = "bank slip 12"


@pytest_asyncio.fixture
async def own_world(server: Server, tmp_path: Path) -> AsyncIterator[World]:
    """A world whose books are of this test alone."""
    async with running_world(tmp_path, await server.databases()) as running:
        yield running


@pytest.mark.parametrize(
    ("action", "said"), [("mark_done", "is said to be back by other means"), ("skip", "is kept")]
)
async def test_the_books_add_up_after_the_runbooks_own_word(
    own_world: World, action: str, said: str
) -> None:
    world = own_world
    sku = await world.product()
    await world.settled(await world.place(sku), sku, "confirmed")
    order_id, _ = await blocked_refund(world)
    word = {"action": action, "evidence": SLIP}
    assert await resolve(world, order_id, "charge_payment", **word) == 202
    await world.handle(order_id).result()
    report = await audited(world)
    assert report.books.balanced is True
    assert is_clean(report)
    lines = list(describe_books(report))
    assert "captured 20.00 EUR on record, confirmed orders cost 10.00 EUR" in lines
    assert "10.00 EUR of what is on record was settled by hand:" in lines
    assert f"  {order_id}: 10.00 EUR {said}, as {OPERATOR} says: {SLIP}" in lines
    moved = [await world.provider.fetch_moved(order_id)]
    assert moved == [(1000, 0)]


async def test_what_is_gone_at_the_provider_is_told_beside_what_is_on_record(
    own_world: World,
) -> None:
    world = own_world
    sku = await world.product(minor=900)
    order_id = await world.place(sku, quantity=4)
    await world.settled(order_id, sku, "confirmed")
    intent = (await world.rest(f"/v1/payments/{order_id}"))["intent_id"]
    refund = {"payment_intent": intent, "amount": 900}
    (await world.provider.http.post("/v1/refunds", data=refund)).raise_for_status()
    report: AuditReport = await audited(world)
    assert not is_clean(report)
    lines = list(describe_books(report))
    assert "captured 36.00 EUR on record, confirmed orders cost 36.00 EUR" in lines
    assert "9.00 EUR of that is not at the provider, see above" in lines
