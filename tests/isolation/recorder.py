"""What a stack's services write, row by row: kept by triggers that a test puts into its databases.

The services know nothing of it. A row's changes are noted while it is locked, so that their numbers
are in the order of its versions; what a transaction rolls back is not noted. Whose call it was, the
barrier tells, whose row is written in the same transaction.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.support.stack import Stack

TABLES: Mapping[str, tuple[str, ...]] = {
    "USER": ("users",),
    "ORDER": ("events", "barrier"),
    "INVENTORY": ("products", "barrier"),
    "PAYMENT": ("payments", "barrier"),
}
NOTING = """
CREATE SCHEMA IF NOT EXISTS history;
CREATE TABLE history.changes (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    name text NOT NULL,
    old jsonb,
    new jsonb
);
CREATE FUNCTION history.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO history.changes (name, new) VALUES (TG_TABLE_NAME, to_jsonb(NEW));
    ELSE
        INSERT INTO history.changes (name, old, new)
        VALUES (TG_TABLE_NAME, to_jsonb(OLD), to_jsonb(NEW));
    END IF;
    RETURN NULL;
END $$;
"""
NOTED = """
CREATE TRIGGER note AFTER INSERT OR UPDATE ON {table}
FOR EACH ROW EXECUTE FUNCTION history.note();
"""
READING = """
SELECT number, extract(epoch FROM at)::float8 AS at, transaction, name, old, new
FROM history.changes ORDER BY number
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Change:
    """A row was written: `old` is None if it is new. `at`: seconds since the epoch."""

    number: int
    at: float
    transaction: int
    table: str
    old: dict[str, Any] | None
    new: dict[str, Any]


async def record_changes(stack: Stack) -> None:
    """From now on, note whatever is written."""
    for service, tables in TABLES.items():
        async with _connected(stack, service) as connection, connection.transaction():
            await connection.execute(NOTING)
            for table in tables:
                await connection.execute(NOTED.format(table=table))


async def read_changes(stack: Stack) -> dict[str, list[Change]]:
    """All that was noted, by service."""
    found: dict[str, list[Change]] = {}
    for service in TABLES:
        async with _connected(stack, service) as connection:
            found[service] = [_to_change(row) for row in await connection.fetch(READING)]
    return found


async def count_deadlocks(stack: Stack) -> dict[str, int]:
    """How often the server has ended one, by service."""
    found: dict[str, int] = {}
    for service in TABLES:
        async with _connected(stack, service) as connection:
            found[service] = await connection.fetchval(DEADLOCKS)
    return found


@asynccontextmanager
async def _connected(stack: Stack, service: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.state.environment[f"{service}_DATABASE_URL"])
    try:
        yield connection
    finally:
        await connection.close()


def _to_change(row: asyncpg.Record) -> Change:
    old = json.loads(row["old"]) if row["old"] else None
    return Change(
        row["number"], row["at"], row["transaction"], row["name"], old, json.loads(row["new"])
    )
