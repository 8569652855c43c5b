"""PaymentIntents: created, confirmed, canceled.

requires_confirmation ──confirm──> (requires_action, or processing) ──> succeeded
        │    ▲             └──declined, or not authenticated──> requires_payment_method
        │    └──confirm with another method──┘
        └──cancel (from any requires_*)──> canceled
"""

import json
import secrets
import sqlite3
from typing import Any

from sandbox import currencies, ledger
from sandbox.errors import Fault
from sandbox.params import Params
from sandbox.payment_methods import FAIL, LOOKS, SUCCEED, Decline, behaviour
from sandbox.responses import Answer, Page

MAX_AMOUNT = 99_999_999
CONFIRMABLE = ("requires_payment_method", "requires_confirmation")
CANCELABLE = (*CONFIRMABLE, "requires_action")
URL = "/v1/payment_intents"
PAGE = "/authenticate"  # where customers do; see `sandbox.pages.authentication`
LOOKING = {"processing", "requires_action"}  # what may change when somebody looks
UNWANTED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
UNAUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method.",
)
EXPANDED = {"latest_charge", "data.latest_charge"}  # of one, of a list


def create(tx: sqlite3.Connection, params: Params) -> Answer:
    """Make an intent; no money moves unless `confirm` is true."""
    method = params.text("payment_method")
    if method:
        behaviour(method)
    amount, currency = _amount(params), params.require("currency").lower()
    currencies.check(currency, amount)
    intent_id = f"pi_{secrets.token_hex(12)}"
    tx.execute(
        """INSERT INTO intents (id, amount, currency, status, payment_method, metadata)
           VALUES (?, ?, ?, ?, ?, ?)""",
        (
            intent_id,
            amount,
            currency,
            "requires_confirmation" if method else "requires_payment_method",
            method,
            json.dumps(params.mapping("metadata")),
        ),
    )
    if params.flag("confirm"):
        return confirm(tx, intent_id, params)
    return Answer(200, shape(find(tx, intent_id)))


def confirm(tx: sqlite3.Connection, intent_id: str, params: Params, site: str = "") -> Answer:
    """Charge the method: the money moves here, or the card is declined.

    Unless its customer has to authenticate first, on a page of this `site`.
    """
    intent = find(tx, intent_id)
    if intent["status"] not in CONFIRMABLE:
        raise Fault.unexpected_state(
            "You cannot confirm this PaymentIntent because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            f"confirmed: {', '.join(CONFIRMABLE)}."
        )
    method = params.text("payment_method") or intent["payment_method"]
    if not method:
        raise Fault.unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method."
        )
    how = behaviour(method)
    if how.down:
        raise Fault.down()
    if how.authentication:
        return _require_action(tx, intent_id, method, params, site)
    if how.looks:
        return process(tx, intent_id, method, how.looks)
    if how.decline:
        return decline(tx, intent_id, method, how.decline)
    return Answer(200, shape(_capture(tx, intent_id, method), params), how)


def _require_action(
    tx: sqlite3.Connection, intent_id: str, method: str, params: Params, site: str
) -> Answer:
    """Have the customer authenticate; declined if the merchant does not want that."""
    if params.flag("error_on_requires_action"):
        return decline(tx, intent_id, method, UNWANTED)
    tx.execute(
        """UPDATE intents SET status = 'requires_action', payment_method = ?, looks = ?,
           last_error = NULL, return_url = ?, page = ? WHERE id = ?""",
        (method, LOOKS, params.require("return_url"), f"{site}{PAGE}/{intent_id}", intent_id),
    )
    return Answer(200, shape(find(tx, intent_id), params))


def authenticate(tx: sqlite3.Connection, intent_id: str, outcome: str) -> dict[str, Any]:
    """The customer has authenticated, or could not; nothing of an intent that does not wait."""
    intent = find(tx, intent_id)
    if intent["status"] == "requires_action":
        method = intent["payment_method"]
        refused = behaviour(method).decline if outcome == SUCCEED else UNAUTHENTICATED
        if refused:
            decline(tx, intent_id, method, refused)
        else:
            _capture(tx, intent_id, method)
    return shape(find(tx, intent_id))


def process(tx: sqlite3.Connection, intent_id: str, method: str, looks: int) -> Answer:
    """Begin to charge; how that ends is known when somebody has looked so often."""
    tx.execute(
        """UPDATE intents SET status = 'processing', payment_method = ?, looks = ?,
           last_error = NULL WHERE id = ?""",
        (method, looks, intent_id),
    )
    return Answer(200, shape(find(tx, intent_id)))


def look(tx: sqlite3.Connection, intent_id: str) -> None:
    """Somebody looks: what is being processed is so a little less."""
    intent = find(tx, intent_id)
    if intent["looks"] < 1:
        if intent["status"] == "processing":
            settle(tx, intent_id)
        elif (how := behaviour(intent["payment_method"]).authentication) in {SUCCEED, FAIL}:
            authenticate(tx, intent_id, how)
    tx.execute("UPDATE intents SET looks = max(looks - 1, 0) WHERE id = ?", (intent_id,))


def settle(tx: sqlite3.Connection, intent_id: str) -> dict[str, Any]:
    """What is being processed is charged or declined, as its method is."""
    intent = find(tx, intent_id)
    if intent["status"] == "processing":
        method = intent["payment_method"]
        if refused := behaviour(method).decline:
            decline(tx, intent_id, method, refused)
        else:
            _capture(tx, intent_id, method)
    return shape(find(tx, intent_id))


def _capture(tx: sqlite3.Connection, intent_id: str, method: str) -> sqlite3.Row:
    tx.execute(
        """UPDATE intents SET status = 'succeeded', payment_method = ?, captured = amount,
           last_error = NULL WHERE id = ?""",
        (method, intent_id),
    )
    captured = find(tx, intent_id)
    ledger.record(tx, "capture", captured, captured["amount"])
    return captured


def cancel(tx: sqlite3.Connection, intent_id: str, _: Params) -> Answer:
    """End an intent that has captured nothing."""
    intent = find(tx, intent_id)
    if intent["status"] not in CANCELABLE:
        raise Fault.unexpected_state(
            "You cannot cancel this PaymentIntent because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            f"canceled: {', '.join(CANCELABLE)}."
        )
    tx.execute(
        "UPDATE intents SET status = 'canceled', canceled_at = unixepoch() WHERE id = ?",
        (intent_id,),
    )
    return Answer(200, shape(find(tx, intent_id)))


def answer_after(intent: sqlite3.Row) -> float:
    """How many seconds it takes to tell of an intent: one that was slow to charge stays slow."""
    charged = intent["status"] == "succeeded"
    return behaviour(intent["payment_method"]).answer_after if charged else 0.0


def find(reader: sqlite3.Connection, intent_id: str) -> sqlite3.Row:
    """The intent's row. Fault `resource_missing` if there is none."""
    found = reader.execute("SELECT * FROM intents WHERE id = ?", (intent_id,)).fetchone()
    if found is None:
        raise Fault.missing("payment_intent", intent_id, param="intent", status=404)
    row: sqlite3.Row = found
    return row


def metadata(reader: sqlite3.Connection, intent_id: str) -> dict[str, str]:
    """What whoever made the intent noted with it; nothing of one that there is not."""
    found = reader.execute("SELECT metadata FROM intents WHERE id = ?", (intent_id,)).fetchone()
    return dict(json.loads(found["metadata"])) if found else {}


def listing(reader: sqlite3.Connection, page: Page, params: Params) -> dict[str, Any]:
    """All intents, newest first, or those that were made in a time (Unix seconds)."""
    rows = reader.execute(
        """SELECT * FROM intents
           WHERE (:after IS NULL OR rowid < (SELECT rowid FROM intents WHERE id = :after))
           AND (:gte IS NULL OR created >= :gte) AND (:lt IS NULL OR created < :lt)
           ORDER BY rowid DESC LIMIT :limit""",
        {
            "after": page.after,
            "limit": page.limit + 1,
            **params.period("created"),
        },
    )
    return page.shape(URL, [shape(row, params) for row in rows])


def charge(row: sqlite3.Row) -> dict[str, Any]:
    """What an intent captured, and what of it was given back."""
    return {
        "id": charge_of(row["id"]),
        "object": "charge",
        "amount": row["amount"],
        "amount_captured": row["captured"],
        "amount_refunded": row["refunded"],
        "currency": row["currency"],
        "metadata": json.loads(row["metadata"]),
        "payment_intent": row["id"],
        "refunded": row["refunded"] == row["captured"],
    }


def shape(row: sqlite3.Row, params: Params | None = None) -> dict[str, Any]:
    """The intent as Stripe's JSON has it; the fields that we have something to say about.

    With the charge itself in place of its id, if the parameters ask for it.
    """
    whole = params is not None and not EXPANDED.isdisjoint(params.mapping("expand").values())
    made = (charge(row) if whole else charge_of(row["id"])) if row["captured"] else None
    same = ("id", "amount", "currency", "status", "payment_method", "created", "canceled_at")
    return {name: row[name] for name in same} | {
        "object": "payment_intent",
        "amount_received": row["captured"],
        "capture_method": "automatic",
        "last_payment_error": json.loads(row["last_error"]) if row["last_error"] else None,
        "latest_charge": made,
        "livemode": False,
        "metadata": json.loads(row["metadata"]),
        "next_action": _next_action(row),
        "payment_method_types": ["card"],
    }


def _next_action(row: sqlite3.Row) -> dict[str, Any] | None:
    if row["status"] != "requires_action":
        return None
    page = {"url": row["page"], "return_url": row["return_url"]}
    return {"type": "redirect_to_url", "redirect_to_url": page}


def charge_of(intent_id: str) -> str:
    """The id of the charge that an intent made; there is at most one."""
    return intent_id.replace("pi_", "ch_", 1)


def _amount(params: Params) -> int:
    amount = params.integer("amount")
    if amount < 1:
        raise Fault.invalid(
            "amount", "This value must be greater than or equal to 1.", code="amount_too_small"
        )
    if amount > MAX_AMOUNT:
        raise Fault.invalid(
            "amount", "Amount must be no more than 999,999.99", code="amount_too_large"
        )
    return amount


def decline(tx: sqlite3.Connection, intent_id: str, method: str, refused: Decline) -> Answer:
    """A 402 that the intent remembers."""
    error = {"type": "card_error", **refused._asdict(), "payment_method": {"id": method}}
    tx.execute(
        """UPDATE intents SET status = 'requires_payment_method', payment_method = NULL,
           last_error = ? WHERE id = ?""",
        (json.dumps(error), intent_id),
    )
    return Answer(402, {"error": error | {"payment_intent": shape(find(tx, intent_id))}})
