"""`python -m benchmarks.programs.dbos_own_sql`: PlaceOrder as users of DBOS write it.

One application with one database: each step but the charge is a DBOS transaction with SQL of its
own, so DBOS keeps what it returned in the same commit. The charge is a step with one request to the
provider. There are no services, barriers, events, outbox, or domain rules but enough stock, an
active customer and the order's status: less than ours does, on purpose. PEER_DATABASE_URL is the
database, for DBOS's own tables too.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import httpx2
from dbos import DBOS, AsyncSQLAlchemyDatasource, DBOSConfig, SetWorkflowID
from sqlalchemy import text

from benchmarks.programs.dbos_saga import POOL, config
from benchmarks.programs.serving import serve
from contracts.orders import CreateOrder
from infrastructure.settings import DatabaseSettings, ProviderSettings

Step = Callable[[CreateOrder], Awaitable[None]]
SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (id text PRIMARY KEY, active boolean NOT NULL);
CREATE TABLE IF NOT EXISTS products (
    sku text PRIMARY KEY, available bigint NOT NULL CHECK (available >= 0),
    reserved bigint NOT NULL DEFAULT 0, sold bigint NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS orders (
    id text PRIMARY KEY, customer_id text NOT NULL, status text NOT NULL, total bigint NOT NULL,
    currency text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS order_lines (
    order_id text NOT NULL, sku text NOT NULL, quantity bigint NOT NULL,
    PRIMARY KEY (order_id, sku));
"""
CUSTOMER = "INSERT INTO customers VALUES ($1, $2) ON CONFLICT DO NOTHING"
PRODUCT = "INSERT INTO products (sku, available) VALUES ($1, $2) ON CONFLICT DO NOTHING"
LOCK = "SELECT pg_advisory_lock(1)"  # released with the connection
ORDER = text(
    "INSERT INTO orders (id, customer_id, status, total, currency)"
    " VALUES (:id, :customer, 'pending', :total, :currency)"
)
LINES = text("INSERT INTO order_lines VALUES (:id, :sku, :quantity)")
ACTIVE = text("SELECT active FROM customers WHERE id = :customer")
RESERVE = text(
    "UPDATE products SET available = available - :quantity, reserved = reserved + :quantity"
    " WHERE sku = :sku AND available >= :quantity"
)
CONFIRM = text("UPDATE orders SET status = 'confirmed' WHERE id = :id AND status = 'pending'")
SELL = text(
    "UPDATE products SET reserved = reserved - :quantity, sold = sold + :quantity WHERE sku = :sku"
)


async def main(port: int) -> None:
    """Serve the kind `saga`."""
    await _prepare(os.environ["PEER_DATABASE_URL"])
    options: DBOSConfig = config()
    DBOS(config=options)
    source = await AsyncSQLAlchemyDatasource.create(
        os.environ["PEER_DATABASE_URL"], engine_kwargs={"pool_size": POOL}
    )
    provider = ProviderSettings()
    key = provider.payment_provider_key.get_secret_value()
    async with httpx2.AsyncClient(
        base_url=provider.payment_provider_url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=provider.payment_provider_timeout,
        trust_env=False,
    ) as http:
        steps = (*_make_first_steps(source), _make_charge(http), *_make_last_steps(source))
        workflow = _register(steps)
        DBOS.launch()

        async def saga(order: CreateOrder) -> None:
            with SetWorkflowID(order.order_id):
                await workflow(order)

        await serve(port, {"saga": saga})
        DBOS.destroy()


def _make_first_steps(source: AsyncSQLAlchemyDatasource) -> Sequence[Step]:
    async def create_order(order: CreateOrder) -> None:
        session = source.sql_session()
        row = {"id": order.order_id, "customer": order.customer_id}
        amount = {"total": order.total.minor, "currency": order.total.currency}
        await session.execute(ORDER, row | amount)
        lines = [
            {"id": order.order_id, "sku": line.sku, "quantity": line.quantity}
            for line in order.items
        ]
        await session.execute(LINES, lines)

    async def validate_user(order: CreateOrder) -> None:
        found = await source.sql_session().execute(ACTIVE, {"customer": order.customer_id})
        if not found.scalar_one():
            raise ValueError("the customer is not active")

    async def reserve_inventory(order: CreateOrder) -> None:
        await _move_stock(source, order, RESERVE)

    return [source.transaction()(step) for step in (create_order, validate_user, reserve_inventory)]


def _make_charge(http: httpx2.AsyncClient) -> Step:
    async def charge_payment(order: CreateOrder) -> None:
        amount = {"amount": order.total.minor, "currency": order.total.currency.lower()}
        paid = {"payment_method": order.payment_method, "confirm": "true"}
        headers = {"Idempotency-Key": order.order_id}
        answer = await http.post("/v1/payment_intents", data=amount | paid, headers=headers)
        answer.raise_for_status()

    durable: Step = DBOS.step()(charge_payment)
    return durable


def _make_last_steps(source: AsyncSQLAlchemyDatasource) -> Sequence[Step]:
    async def confirm_order(order: CreateOrder) -> None:
        done = await source.sql_session().execute(CONFIRM, {"id": order.order_id})
        _demand_row(done)

    async def commit_inventory(order: CreateOrder) -> None:
        await _move_stock(source, order, SELL)

    return [source.transaction()(step) for step in (confirm_order, commit_inventory)]


async def _move_stock(source: AsyncSQLAlchemyDatasource, order: CreateOrder, move: Any) -> None:
    for line in sorted(order.items, key=lambda line: line.sku):
        moved = {"sku": line.sku, "quantity": line.quantity}
        _demand_row(await source.sql_session().execute(move, moved))


def _demand_row(done: Any) -> None:
    if done.rowcount != 1:
        raise ValueError("no such row, or not enough of it")


def _register(steps: Sequence[Step]) -> Any:
    async def place_order(order: CreateOrder) -> None:
        for step in steps:
            await step(order)

    return DBOS.workflow(name="place_order")(place_order)


async def _prepare(url: str) -> None:
    """Make the tables, with the customers and products that the services have."""
    databases = DatabaseSettings()
    users = await _read(databases.user_database_url, "SELECT id, active FROM users")
    stock = await _read(databases.inventory_database_url, "SELECT sku, available FROM products")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(LOCK)  # the other process does the same
        await connection.execute(SCHEMA)
        await connection.executemany(CUSTOMER, users)
        await connection.executemany(PRODUCT, stock)
    finally:
        await connection.close()


async def _read(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
