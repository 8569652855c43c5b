"""A dump of a service's database and its restore, by the commands of docs/deploying.md."""

import asyncio
import os
import subprocess
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from contracts.inventory import NewProduct, Price
from contracts.names import DATABASES
from contracts.orders import ConfirmOrder, OrderStatus
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from local_stack.postgres.cluster import installed_programs
from saga.participant import Compensated
from services.inventory.service import Inventory
from services.order.service import Orders
from tests.deploy.test_deploying import section
from tests.services import test_inventory as stock
from tests.services.test_order import CONFIRM, CREATE, OUT, command, key
from tests.support.databases import Server


async def restored(server: Server, url: str, folder: Path) -> str:
    """The URL of a new database that has what the one at this URL had."""
    name = f"restored_{uuid4().hex}"
    await server.execute(f"CREATE DATABASE {name}")
    commands = "\n".join(section("## Back up and restore"))
    assert "pg_dump" in commands
    assert "pg_restore" in commands
    places = {
        "ORDER_DATABASE_URL": plain(url),
        "RESTORED_DATABASE_URL": server.url(name),
        "PATH": f"{installed_programs() / 'bin'}:{os.environ['PATH']}",
    }
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=places,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return server.url(name).replace("postgresql://", "postgresql+asyncpg://")


def plain(url: str) -> str:
    return url.replace("+asyncpg", "")


async def test_restored_orders_are_as_they_were_and_go_on(
    server: Server, databases: DatabaseSettings, tmp_path: Path
) -> None:
    """One that is confirmed, one that was undone, and one that is under way."""
    before = Database(databases.order_database_url)
    orders = Orders(before)
    for name in ("ord_1", "ord_2", "ord_3"):
        await orders.create(key(CREATE, f"order-{name}"), command(name))
    await orders.confirm(key(CONFIRM, "order-ord_1"), ConfirmOrder(order_id="ord_1"))
    undone = (key(CREATE, "order-ord_2"), command("ord_2"), OrderStatus.REJECTED, OUT)
    await orders.close(*undone)
    history = {item: await orders.history(item) for item in ("ord_1", "ord_2", "ord_3")}
    url = await restored(server, databases.order_database_url, tmp_path)
    await before.close()
    after = Database(url)
    orders = Orders(after)
    for name, events in history.items():
        assert await orders.history(name) == events
    # What Temporal tries again gets the first one's reply, and what was undone stays so.
    again = await orders.confirm(key(CONFIRM, "order-ord_1"), ConfirmOrder(order_id="ord_1"))
    assert again.version == len(history["ord_1"])
    with pytest.raises(Compensated):
        await orders.create(*undone[:2])
    # And what was under way goes on: sequences too are where they were.
    went_on = await orders.confirm(key(CONFIRM, "order-ord_3"), ConfirmOrder(order_id="ord_3"))
    assert went_on.status == OrderStatus.CONFIRMED
    await orders.create(key(CREATE, "order-ord_4"), command("ord_4"))
    await after.close()


async def test_restored_stock_adds_up_and_is_moved_once(
    server: Server, databases: DatabaseSettings, tmp_path: Path
) -> None:
    before = Database(databases.inventory_database_url)
    inventory = Inventory(before)
    for sku in ("A", "B"):
        price = Price(minor=100, currency="EUR")
        new = NewProduct(sku=sku, name=sku, price=price, stock=10)
        await inventory.create_product(new)
    await inventory.reserve(stock.key("s1"), stock.lines(A=4))
    url = await restored(server, databases.inventory_database_url, tmp_path)
    await before.close()
    after = Database(url)
    inventory = Inventory(after)
    await inventory.reserve(stock.key("s1"), stock.lines(A=4))  # once more
    assert await stock.stock(inventory) == (6, 4, 0)
    await inventory.release(stock.key("s1"), stock.lines(A=4))
    assert await stock.stock(inventory) == (10, 0, 0)
    await after.close()


@pytest.mark.parametrize("service", DATABASES)
async def test_every_database_is_restored_whole(
    server: Server, databases: DatabaseSettings, tmp_path: Path, service: str
) -> None:
    """Tables, constraints, indexes and sequences, as the migrations made them."""
    url = getattr(databases, f"{service}_database_url")
    new = await restored(server, url, tmp_path)
    assert await _shape(plain(new)) == await _shape(plain(url))


SHAPE = """
SELECT 'column', table_name, column_name, data_type || ' ' || is_nullable
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
  WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'sequence', sequencename, '', start_value::text FROM pg_sequences
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
  FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1, 2, 3, 4
"""


async def _shape(url: str) -> list[tuple[str, ...]]:
    connection = await asyncpg.connect(url)
    try:
        found = [tuple(item) for item in await connection.fetch(SHAPE)]
    finally:
        await connection.close()
    assert len(found) > 10
    return found
