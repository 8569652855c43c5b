"""The drill on a whole stack as a user runs it: stopped, a database put back, started again."""

import asyncio
from pathlib import Path

import pytest

from contracts.names import DATABASES
from local_stack.postgres.server import Postgres
from tests.docs.markdown import RUNBOOKS
from tests.docs.test_operating import Shop, charged, listed, paste, provider, shell
from tests.restore.conftest import WHOLE
from tests.restore.dumps import dump_one, restore
from tests.support.databases import Server
from tests.support.ports import free_port
from tests.support.sse import stream
from tests.support.stack import Stack, running_stack
from tests.support.waiting import until

pytestmark = pytest.mark.restore

EACH = 4
TOTAL = 1800
SLOW = "pm_sandbox_slow"  # it takes long after it has charged


async def sold(shop: Shop) -> list[str]:
    """New orders that are confirmed."""
    placed = [await shop.place() for _ in range(EACH)]
    await asyncio.gather(*(shop.becomes(order, "confirmed") for order in placed))
    return placed


async def charged_and_terminated(stack: Stack, shop: Shop) -> str:
    """An order whose money is captured, and whose workflow is gone."""
    order_id = await shop.place(SLOW)
    await until(lambda: charged(stack, order_id))
    shell(stack, f"temporal workflow terminate -w order-{order_id} --reason mistake")
    await listed(stack, order_id)
    return order_id


async def moved(stack: Stack, order_id: str) -> tuple[int, int]:
    """Captured and refunded, by the provider's ledger."""
    async with provider(stack) as http:
        ledger = (await http.get("/ledger", params={"order": order_id})).json()
    return sum(ledger["captured"].values()), sum(ledger["refunded"].values())


async def put_back(folder: Path, service: str) -> None:
    """The stack's database of this service becomes what was dumped; the stack is stopped."""
    postgres = Postgres.at(folder / ".saga", free_port(), durable=False)
    await postgres.start()
    try:
        role = DATABASES[service]
        await restore(Server(postgres), role, folder / f"{service}.dump", role)
    finally:
        await postgres.stop()


def url_of(stack: Stack, service: str) -> str:
    """Of a service's database."""
    return stack.state.environment[f"{service.upper()}_DATABASE_URL"]


@pytest.mark.parametrize("service", ["order", "payment"] if WHOLE else ["order"])
async def test_a_stack_with_a_restored_database_is_put_right_by_its_runbook(
    tmp_path: Path, service: str
) -> None:
    async with running_stack(tmp_path, keep=True) as stack:
        shop = Shop(stack)
        await shop.open()
        kept = await sold(shop)
        await dump_one(url_of(stack, service), tmp_path / f"{service}.dump")
        kept += await sold(shop)
        lost = await charged_and_terminated(stack, shop)
        await shop.close()
    await put_back(tmp_path, service)
    async with running_stack(tmp_path) as stack:
        paste(stack, RUNBOOKS / "restored.md")
        for order_id in kept:
            assert await moved(stack, order_id) == (TOTAL, 0), order_id
        assert await moved(stack, lost) in {(TOTAL, TOTAL), (TOTAL, 0)}  # undone, or named
        await new_orders_are_told(stack, shop)


async def new_orders_are_told(stack: Stack, before: Shop) -> None:
    """They succeed, and a live stream tells of them."""
    shop = Shop(stack)
    shop.go_on_from(before)
    port = int(stack.api.rpartition(":")[2])
    async with stream(port, "/v1/events", headers=stack.bearer()) as live:
        placed = await sold(shop)
        told = await live.take(3 * EACH)
    assert {line.data["order_id"] for line in told} == {*placed}
    await shop.close()
