"""The books: balanced, append-only, and still right after a crash."""

import asyncio
import signal
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sandbox.store import Store
from tests.sandbox.process import Sandbox, running_sandbox

INTENTS = "/v1/payment_intents"
AT_ONCE = 8


async def test_every_entry_and_every_account_balances(sandbox: Sandbox) -> None:
    for currency in ("eur", "jpy"):
        form = {"amount": 900, "currency": currency, "payment_method": "pm_card_visa"}
        made = (await sandbox.post(INTENTS, None, **form, confirm="true")).json()
        await sandbox.post("/v1/refunds", payment_intent=made["id"], amount=400)
    ledger = await sandbox.ledger()
    assert ledger["balanced"] is True
    for entry in ledger["entries"]:
        assert len(entry["postings"]) == 2
        assert sum(posting["amount_minor"] for posting in entry["postings"]) == 0
    for currency in ("eur", "jpy"):
        assert sum(account.get(currency, 0) for account in ledger["accounts"].values()) == 0
        net = ledger["captured"][currency] - ledger["refunded"][currency]
        assert ledger["accounts"]["merchant"][currency] == net


POSTING = "INSERT INTO postings VALUES (?, ?, ?, ?)"
ENTRY = "INSERT INTO entries VALUES (?, 'pi_1', 'capture')"


@pytest.mark.parametrize(
    "statements",
    [
        [(POSTING, ("e", "a", 5, "eur")), (POSTING, ("e", "b", -4, "eur")), (ENTRY, ("e",))],
        [(POSTING, ("e", "a", 5, "eur")), (POSTING, ("e", "b", -5, "usd")), (ENTRY, ("e",))],
        [(POSTING, ("e", "a", 5, "eur")), (POSTING, ("e", "b", -5, "eur"))],
        [(ENTRY, ("e",))],
        [(POSTING, ("booked", "a", 5, "eur")), (POSTING, ("booked", "b", -5, "eur"))],
        [("UPDATE postings SET amount_minor = 1", ())],
        [("DELETE FROM postings", ())],
        [("DELETE FROM entries", ())],
        [("UPDATE entries SET kind = 'refund'", ())],
        [("UPDATE intents SET refunded = captured + 1", ())],
    ],
    ids=["unequal", "mixed", "no-entry", "empty", "closed", "edit", "drop", "gone", "kind", "over"],
)
def test_the_file_refuses_whatever_would_not_balance(
    tmp_path: Path, statements: list[tuple[str, tuple[Any, ...]]]
) -> None:
    store = Store(tmp_path / "ledger.db")
    with store.transaction() as tx:
        tx.execute(
            """INSERT INTO intents (id, amount, currency, status, metadata, captured)
               VALUES ('pi_1', 5, 'eur', 'succeeded', '{}', 5)"""
        )
        tx.execute(POSTING, ("booked", "customer", -5, "eur"))
        tx.execute(POSTING, ("booked", "merchant", 5, "eur"))
        tx.execute(ENTRY, ("booked",))
    with pytest.raises(sqlite3.IntegrityError):
        _run(store, statements)
    assert store.reader().execute("SELECT count(*) FROM postings").fetchone()[0] == 2
    store.close()


def _run(store: Store, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
    with store.transaction() as tx:
        for statement, values in statements:
            tx.execute(statement, values)


async def test_kill_9_loses_nothing_acknowledged_and_repeats_nothing(tmp_path: Path) -> None:
    rounds = (1, 15, 30)
    async with running_sandbox(tmp_path) as sandbox:
        for survivors in rounds:
            orders = [f"order-{survivors}-{number}" for number in range(40)]
            acknowledged: list[str] = []
            await _pay_all(sandbox, orders, acknowledged, kill_at=survivors)
            assert survivors <= len(acknowledged) < survivors + AT_ONCE
            await sandbox.start()
            for order in acknowledged:
                assert len((await sandbox.ledger(order))["entries"]) == 1
            await _pay_all(sandbox, orders, acknowledged)
            for order in orders:
                assert (await sandbox.ledger(order))["captured"] == {"eur": 100}
        ledger = await sandbox.ledger()
        assert ledger["balanced"]
        assert ledger["captured"] == {"eur": len(rounds) * 40 * 100}


async def _pay_all(
    sandbox: Sandbox, orders: list[str], acknowledged: list[str], kill_at: int | None = None
) -> None:
    """Pay the orders, few at once; kill the provider as soon as so many are acknowledged."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(order: str) -> None:
        async with limit:
            if await _pay(sandbox, order):
                acknowledged.append(order)
                if len(acknowledged) == kill_at:
                    await sandbox.stop(signal.SIGKILL)

    await asyncio.gather(*(one(order) for order in orders))


async def _pay(sandbox: Sandbox, order: str) -> bool:
    """Create and confirm; whether both were acknowledged."""
    form = {"amount": 100, "currency": "eur", "payment_method": "pm_card_visa"}
    try:
        made = await sandbox.post(
            INTENTS, f"{order}/create", **form, **{"metadata[order_id]": order}
        )
        path = f"{INTENTS}/{made.json()['id']}/confirm"
        return (await sandbox.post(path, f"{order}/confirm")).is_success
    except httpx2.TransportError:
        return False


async def test_refunds_of_a_method_that_keeps_the_money_are_refused(sandbox: Sandbox) -> None:
    method = "pm_sandbox_refund_refused"
    form = {"amount": 900, "currency": "eur", "payment_method": method}
    made = (await sandbox.post(INTENTS, None, **form, confirm="true")).json()
    before = await sandbox.ledger()
    for _ in range(2):
        refused = await sandbox.post("/v1/refunds", "same-key", payment_intent=made["id"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            400,
            "balance_insufficient",
        )
    assert await sandbox.ledger() == before
