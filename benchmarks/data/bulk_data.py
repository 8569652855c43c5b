"""Databases with many orders in them, as if a shop had run for years: made by SQL.

Every table that grows with orders gets what a confirmed order of two lines leaves in it.
"""

from collections.abc import Mapping
from string import Template

import asyncpg

from benchmarks.data.orders import Shop, open_shop
from benchmarks.environment import BenchEnvironment
from contracts.names import DATABASES
from infrastructure.settings import DatabaseSettings, ProviderSettings
from local_stack.options import HOST, database_variable
from services.composition import open_services
from services.migrate import migrate

ORDER = "'ord_' || left(md5(n::text), 26)"
SAGA = f"'order-' || {ORDER}"
WHEN = "now() - n * interval '1 second'"
ITEM = """'{"sku":"LOAD-1","quantity":1,"unit_price":{"minor":995,"currency":"EUR"}}'::jsonb"""
FROM = "FROM generate_series(1, $ORDERS) AS n"


def _barrier(*steps: str) -> str:
    """What steps that are done leave."""
    names = ", ".join(f"('{step}')" for step in steps)
    return f"""INSERT INTO barrier (saga_id, step, op, state, reply, created_at)
        SELECT {SAGA}, step, 'action', 'done', jsonb_build_object('order_id', {ORDER}), {WHEN}
        {FROM}, (VALUES {names}) AS done(step)"""


def _outbox(*types: str) -> str:
    """Events that were published."""
    names = ", ".join(f"('{kind}')" for kind in types)
    return f"""INSERT INTO outbox (type, subject, data, recorded_at, published_at)
        SELECT type, {ORDER}, jsonb_build_object('order_id', {ORDER}), {WHEN}, {WHEN}
        {FROM}, (VALUES {names}) AS told(type)"""


FILLING: Mapping[str, tuple[str, ...]] = {
    "user": (
        f"""INSERT INTO users (id, name, email)
        SELECT 'usr_' || md5(n::text), 'Old', 'old@example.com' {FROM} WHERE n % 10 = 0""",
    ),
    "order": (
        f"""INSERT INTO orders (id, customer_id, status, items, total_minor, currency, version,
            fingerprint, accepted_at, created_at, updated_at)
        SELECT {ORDER}, 'usr_' || md5((n - n % 10)::text), 'confirmed',
            jsonb_build_array({ITEM}, {ITEM}), 1990, 'EUR', 4, md5(n::text), {WHEN}, {WHEN}, {WHEN}
        {FROM}""",
        f"""INSERT INTO events (stream_id, version, type, data, recorded_at)
        SELECT {ORDER}, version, type, {ITEM}, {WHEN} {FROM},
            (VALUES (1, 'OrderPlaced'), (2, 'ItemAdded'), (3, 'ItemAdded'), (4, 'OrderConfirmed'))
            AS happened(version, type)""",
        _barrier("create_order", "confirm_order"),
        _outbox("order.placed", "order.confirmed"),
    ),
    "inventory": (
        _barrier("reserve_inventory", "commit_inventory"),
        _outbox("inventory.reserved", "inventory.committed"),
    ),
    "payment": (
        f"""INSERT INTO payments (order_id, saga_id, step, status, amount_minor, currency,
            payment_method, intent_id)
        SELECT {ORDER}, {SAGA}, 'charge_payment', 'captured', 1990, 'EUR', 'pm_card_visa',
            'pi_' || md5(n::text) {FROM}""",
        _barrier("charge_payment"),
        _outbox("payment.captured"),
    ),
}


async def fill_databases(bench: BenchEnvironment, orders: int) -> tuple[dict[str, str], Shop]:
    """New databases with so many orders: what leads a program to them, and a shop on them."""
    suffix = suffix_of(orders)
    await _create(bench, suffix)
    credentials, port = bench.credentials, bench.options.ports.postgres
    urls = {
        service: f"postgresql://{role}:{credentials.roles[role]}@{HOST}:{port}/{role}{suffix}"
        for service, role in DATABASES.items()
    }
    settings = DatabaseSettings.model_validate(
        {f"{service}_database_url": url for service, url in urls.items()}
    )
    await migrate(settings)
    for service, statements in FILLING.items():
        await _fill(urls[service], statements, orders)
    provider = bench.settings(ProviderSettings)
    async with open_services(settings, provider) as services:
        shop = await open_shop(services)
    return {database_variable(service): url for service, url in urls.items()}, shop


def suffix_of(orders: int) -> str:
    """What the names of such databases end in."""
    return f"_{orders}"


async def _create(bench: BenchEnvironment, suffix: str) -> None:
    connection = await asyncpg.connect(bench.superuser_url("postgres"), ssl=False)
    try:
        for role in DATABASES.values():
            await connection.execute(f"CREATE DATABASE {role}{suffix} OWNER {role}")
    finally:
        await connection.close()


async def _fill(url: str, statements: tuple[str, ...], orders: int) -> None:
    connection = await asyncpg.connect(url, ssl=False, server_settings={"statement_timeout": "0"})
    try:
        for statement in statements:
            await connection.execute(Template(statement).substitute(ORDERS=orders))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
