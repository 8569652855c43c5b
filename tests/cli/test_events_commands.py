"""`saga events` and `saga order show --at`, as an operator uses them."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.orders.order_as_of import past
from infrastructure.settings import DatabaseSettings

EVENT = {
    "specversion": "1.0",
    "id": str(uuid4()),
    "source": "/services/order",
    "type": "order.confirmed",
    "subject": "ord_1",
    "time": datetime.now(UTC).isoformat(),
    "datacontenttype": "application/json",
    "dataschema": "urn:order-saga:order.confirmed:v1",
    "data": {},
}
HISTORY = [
    {
        "version": 1,
        "type": "OrderPlaced",
        "data": {
            "customer_id": "usr_1",
            "total": {"minor": 300, "currency": "EUR"},
            "fingerprint": None,
            "accepted_at": None,
        },
        "recorded_at": "2026-01-01T12:00:00Z",
    },
    {
        "version": 2,
        "type": "OrderConfirmed",
        "data": {},
        "recorded_at": "2026-01-02T12:00:00Z",
    },
]


@pytest.fixture
def environment(databases: DatabaseSettings) -> dict[str, str]:
    plain = {
        f"{key}_DATABASE_URL": getattr(databases, f"{key.lower()}_database_url")
        for key in ("ORDER", "EVENT")
    }
    return {name: url.replace("+asyncpg", "") for name, url in plain.items()}


def saga(environment: dict[str, str], *words: str) -> tuple[int, str]:
    """Exit code and output; in a thread of its own it has a loop of its own."""
    done = CliRunner().invoke(app, ["events", *words], env=environment)
    return done.exit_code, done.stdout


async def in_thread(environment: dict[str, str], *words: str) -> tuple[int, str]:
    return await asyncio.to_thread(saga, environment, *words)


async def test_a_damaged_read_model_is_found_and_mended(environment: dict[str, str]) -> None:
    code, said = await in_thread(environment, "check")
    assert (code, said.strip()) == (0, "orders is what the events say")
    connection = await asyncpg.connect(environment["ORDER_DATABASE_URL"])
    await connection.execute(
        "INSERT INTO orders (id, customer_id, status, items, total_minor, currency, version)"
        " VALUES ('ord_nobody', 'usr_1', 'pending', '[]', 1, 'EUR', 1)"
    )
    code, said = await in_thread(environment, "check", "--json")
    assert code == 1
    (wrong,) = json.loads(said)
    assert (wrong["order_id"], wrong["column"]) == ("ord_nobody", "id")
    code, said = await in_thread(environment, "rebuild", "orders")
    assert (code, "1 were corrected" in said) == (0, True)
    assert (await in_thread(environment, "check"))[0] == 0
    await connection.close()


async def test_dead_letters_are_listed_and_replayed(environment: dict[str, str]) -> None:
    assert "no event is dead" in (await in_thread(environment, "dead", "list"))[1]
    connection = await asyncpg.connect(environment["EVENT_DATABASE_URL"])
    await connection.execute(
        "INSERT INTO dead_letters (consumer, event_id, event, attempts, error)"
        " VALUES ('webhooks', $1, $2, 10, 'ValueError: poison')",
        EVENT["id"],
        json.dumps(EVENT),
    )
    (letter,) = json.loads((await in_thread(environment, "dead", "list", "--json"))[1])
    assert (letter["consumer"], letter["error"]) == ("webhooks", "ValueError: poison")
    assert (await in_thread(environment, "dead", "replay", str(letter["id"])))[0] == 0
    assert json.loads((await in_thread(environment, "dead", "list", "--json"))[1]) == []
    published = await connection.fetch("SELECT event_id, again FROM bus_events")
    assert [tuple(row) for row in published] == [(EVENT["id"], letter["id"])]
    await connection.close()


async def test_what_was_set_aside_is_listed_and_put_back(environment: dict[str, str]) -> None:
    assert "no event is set aside" in (await in_thread(environment, "aside", "list"))[1]
    connection = await asyncpg.connect(environment["ORDER_DATABASE_URL"])
    await connection.execute(
        "INSERT INTO outbox_set_aside (position, id, type, subject, data, recorded_at, error)"
        " VALUES (7, gen_random_uuid(), 'order.teleported', 'ord_1', '{}', now(), 'unknown')"
    )
    (left,) = json.loads((await in_thread(environment, "aside", "list", "--json"))[1])
    assert (left["service"], left["position"], left["subject"]) == ("order", 7, "ord_1")
    assert "1 put back" in (await in_thread(environment, "aside", "publish", "order", "7"))[1]
    assert json.loads((await in_thread(environment, "aside", "list", "--json"))[1]) == []
    rows = await connection.fetch("SELECT position, published_at FROM outbox")
    assert [tuple(row) for row in rows] == [(7, None)]
    await connection.execute("UPDATE outbox SET published_at = now()")
    code, said = await in_thread(environment, "republish", "--since", "2026-01-01")
    assert (code, "1 published anew" in said) == (0, True)
    assert await connection.fetchval("SELECT published_at FROM outbox") is None
    await connection.close()


async def test_a_subscription_that_is_gone_is_listed_and_forgotten(
    environment: dict[str, str],
) -> None:
    connection = await asyncpg.connect(environment["EVENT_DATABASE_URL"])
    await connection.execute("INSERT INTO bus_positions VALUES ('gone', 0, 0, 0, now())")
    await connection.execute("INSERT INTO bus_events (lane, event_id, event) VALUES (0, 'e', '{}')")
    (lag,) = json.loads((await in_thread(environment, "subscriptions", "list", "--json"))[1])
    assert (lag["subscription"], lag["waiting"]) == ("gone", 1)
    assert (await in_thread(environment, "subscriptions", "forget", "gone"))[0] == 0
    assert (await in_thread(environment, "subscriptions", "forget", "gone"))[0] == 1
    assert json.loads((await in_thread(environment, "subscriptions", "list", "--json"))[1]) == []
    await connection.close()


@pytest.mark.parametrize(
    ("at", "status", "version"),
    [
        ("1", "pending", 1),
        ("2", "confirmed", 2),
        ("99", "confirmed", 2),
        ("2026-01-01T12:00Z", "pending", 1),
        ("2026-01-02T11:59:59", "pending", 1),
        ("2026-01-02T13:00+01:00", "confirmed", 2),
    ],
)
def test_an_order_is_shown_as_it_was(at: str, status: str, version: int) -> None:
    order = past(HISTORY, "ord_1", at)
    assert (order["status"], order["version"]) == (status, version)
