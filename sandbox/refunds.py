"""Refunds of captured intents: whole by default, or in parts, never more than was captured.

One that is pending, or succeeded, may fail later, as at Stripe: by its payment method, or by
`fail`, which is for whoever tests what comes of it.
"""

import json
import secrets
import sqlite3
from typing import Any

from sandbox import currencies, intents, ledger
from sandbox.errors import Fault
from sandbox.params import Params
from sandbox.payment_methods import behaviour
from sandbox.responses import Answer, Page

URL = "/v1/refunds"
EXPANDED = "data.charge"
CHANGING = "SELECT id, becomes FROM refunds WHERE becomes IS NOT NULL"


def create(tx: sqlite3.Connection, params: Params) -> Answer:
    """Give money back; all that is left, if no amount is given."""
    intent = intents.find(tx, params.require("payment_intent"))
    if intent["captured"] and behaviour(intent["payment_method"]).keeps:
        raise Fault.poor()
    left = intent["captured"] - intent["refunded"]
    amount = _amount(params, left, intent)
    currencies.check(intent["currency"], amount)
    refund_id = f"re_{secrets.token_hex(12)}"
    tx.execute("UPDATE intents SET refunded = refunded + ? WHERE id = ?", (amount, intent["id"]))
    tx.execute(
        """INSERT INTO refunds (id, intent, amount, currency, metadata, status, becomes)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            refund_id,
            intent["id"],
            amount,
            intent["currency"],
            json.dumps(params.mapping("metadata")),
            *behaviour(intent["payment_method"]).refund,
        ),
    )
    ledger.record(tx, "refund", intent, amount)
    return Answer(200, find(tx, refund_id))


def find(reader: sqlite3.Connection, refund_id: str) -> dict[str, Any]:
    """One refund. Fault `resource_missing` if there is none."""
    row = reader.execute("SELECT * FROM refunds WHERE id = ?", (refund_id,)).fetchone()
    if row is None:
        raise Fault.missing("refund", refund_id, param="refund", status=404)
    return _shape(row)


def settle(tx: sqlite3.Connection) -> None:
    """Somebody looks again: refunds are by now what they were to become."""
    for row in tx.execute(CHANGING).fetchall():
        if row["becomes"] == "failed":
            fail(tx, row["id"])
    tx.execute("UPDATE refunds SET status = becomes, becomes = NULL WHERE becomes IS NOT NULL")


def fail(tx: sqlite3.Connection, refund_id: str) -> dict[str, Any]:
    """The bank sends the money back, as may happen days after: it is the merchant's again."""
    if (refund := find(tx, refund_id))["status"] == "failed":
        return refund
    tx.execute("UPDATE refunds SET status = 'failed', becomes = NULL WHERE id = ?", (refund_id,))
    intent, amount = refund["payment_intent"], refund["amount"]
    tx.execute("UPDATE intents SET refunded = refunded - ? WHERE id = ?", (amount, intent))
    ledger.record(tx, "refund_failure", intents.find(tx, intent), amount)
    return find(tx, refund_id)


def listing(reader: sqlite3.Connection, page: Page, params: Params) -> dict[str, Any]:
    """All refunds, or those of one intent or of a time (Unix seconds), newest first."""
    rows = reader.execute(
        """SELECT * FROM refunds WHERE (:intent IS NULL OR intent = :intent)
           AND (:after IS NULL OR rowid < (SELECT rowid FROM refunds WHERE id = :after))
           AND (:gte IS NULL OR created >= :gte) AND (:lt IS NULL OR created < :lt)
           ORDER BY rowid DESC LIMIT :limit""",
        {
            "after": page.after,
            "intent": params.text("payment_intent"),
            "limit": page.limit + 1,
            **params.period("created"),
        },
    ).fetchall()
    whole = EXPANDED in params.mapping("expand").values()
    return page.shape(URL, [_shape(row) | (_charge(reader, row) if whole else {}) for row in rows])


def _charge(reader: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return {"charge": intents.charge(intents.find(reader, row["intent"]))}


def _amount(params: Params, left: int, intent: sqlite3.Row) -> int:
    if intent["captured"] == 0:
        raise Fault(
            400,
            f"The PaymentIntent {intent['id']} has no successful charge to refund.",
            param="payment_intent",
            executed=True,
        )
    amount = params.integer("amount", left)
    if left == 0 or amount > left:
        raise Fault(
            400,
            f"Refund amount {amount} is greater than the {left} that is not refunded yet.",
            code="charge_already_refunded",
            param="amount",
            executed=True,
        )
    if amount < 1:
        raise Fault.invalid(
            "amount", "This value must be greater than or equal to 1.", code="amount_too_small"
        )
    return amount


def _shape(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "amount", "currency", "created")} | {
        "object": "refund",
        "charge": intents.charge_of(row["intent"]),
        "payment_intent": row["intent"],
        "metadata": json.loads(row["metadata"]),
        "failure_reason": "lost_or_stolen_card" if row["status"] == "failed" else None,
        "reason": None,
        "status": row["status"],
    }
