"""Double-entry bookkeeping: every movement of money is an entry whose postings sum to zero.

The tables' triggers refuse anything else; see `sandbox.store`.
"""

import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal

MERCHANT = "merchant"
Kind = Literal["capture", "refund", "refund_failure"]

POSTINGS = """SELECT e.id, e.intent, e.kind, p.account, p.amount_minor, p.currency
    FROM intents i JOIN entries e ON e.intent = i.id JOIN postings p ON p.entry = e.id"""
OF_ORDER = " WHERE json_extract(i.metadata, '$.order_id') = ?"
BOOKED = " ORDER BY e.rowid, p.rowid"


def record(tx: sqlite3.Connection, kind: Kind, intent: sqlite3.Row, amount: int) -> None:
    """Move money between the customer and the merchant: a refund is a capture backwards.

    A refund that failed is a refund backwards: the money is the merchant's again.
    """
    entry = f"le_{secrets.token_hex(12)}"
    to_merchant = -amount if kind == "refund" else amount
    customer = f"customer:{intent['payment_method']}"
    postings = [
        (entry, customer, -to_merchant, intent["currency"]),
        (entry, MERCHANT, to_merchant, intent["currency"]),
    ]
    tx.executemany("INSERT INTO postings VALUES (?, ?, ?, ?)", postings)
    tx.execute("INSERT INTO entries VALUES (?, ?, ?)", (entry, intent["id"], kind))


def statement(reader: sqlite3.Connection, order: str | None) -> dict[str, Any]:
    """The whole ledger, or that of one order; amounts are minor units, by currency."""
    only, values = (OF_ORDER, (order,)) if order else ("", ())
    rows = reader.execute(POSTINGS + only + BOOKED, values).fetchall()
    entries: dict[str, dict[str, Any]] = {}
    for row in rows:
        head = {"id": row["id"], "intent": row["intent"], "kind": row["kind"], "postings": []}
        posting = {name: row[name] for name in ("account", "amount_minor", "currency")}
        entries.setdefault(row["id"], head)["postings"].append(posting)
    return {
        "accounts": _accounts(rows),
        "entries": list(entries.values()),
        "balanced": not any(_sum((f"{row['id']} {row['currency']}", row) for row in rows).values()),
        "captured": _sum(_to_merchant(rows, "capture")),
        "refunded": {name: -minor for name, minor in _sum(_given_back(rows)).items()},
    }


def _accounts(rows: Iterable[sqlite3.Row]) -> dict[str, dict[str, int]]:
    accounts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        accounts[row["account"]][row["currency"]] += row["amount_minor"]
    return {account: dict(balance) for account, balance in accounts.items()}


def _to_merchant(rows: Iterable[sqlite3.Row], kind: Kind) -> list[tuple[str, sqlite3.Row]]:
    return [(r["currency"], r) for r in rows if r["kind"] == kind and r["account"] == MERCHANT]


def _given_back(rows: Iterable[sqlite3.Row]) -> list[tuple[str, sqlite3.Row]]:
    """Refunds, less those that failed."""
    return [*_to_merchant(rows, "refund"), *_to_merchant(rows, "refund_failure")]


def _sum(named: Iterable[tuple[str, sqlite3.Row]]) -> dict[str, int]:
    totals: defaultdict[str, int] = defaultdict(int)
    for name, row in named:
        totals[name] += row["amount_minor"]
    return dict(totals)
