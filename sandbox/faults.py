"""Faults that are ordered beforehand: `POST /faults`, which is not Stripe's.

A fault meets the next requests of one operation, of one order if it names one:

    stored_500   nothing happens, but the 500 is kept under the request's key and replayed
    done_500     what was asked for happens; the answer, and what is kept under the key, is the 500
    plain_500    nothing happens and nothing is kept
    forgotten_500 what was asked for happens; the answer is a 500 that is not kept, so that whoever
                 asks again by this key asks for the first time, as when a day has gone by
    rate_limit   429 with Retry-After
    lock_timeout 429: the object is in use by another request
    key_in_use   409: the key is in use by another request
    slow         what was asked for happens; the answer takes a second, its key is in use so long
    processing   of `confirm`: what comes of it is known later, see `intents.process`
    no_balance   400: the account's balance does not cover it; kept under the request's key

`DELETE /faults` forgets those of an order that have not met a request yet.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from sandbox import intents
from sandbox.errors import Fault
from sandbox.params import Params
from sandbox.payment_methods import LOOKS, Behaviour
from sandbox.responses import Answer

OPERATIONS = ("create", "confirm", "cancel", "refund")
PARAMETERS = {"operation", "kind", "order", "times"}
FAILED = Fault(500, "An error occurred on our side.", kind="api_error")
BUSY = Fault(429, "Too many requests.", code="rate_limit")
HELD = Fault(429, "This object is in use by another request.", code="lock_timeout")
ANSWERS = {
    "stored_500": Answer(500, FAILED.body()),
    "done_500": Answer(500, FAILED.body()),
    "plain_500": Answer(500, FAILED.body(), kept=False),
    "forgotten_500": Answer(500, FAILED.body(), kept=False),
    "rate_limit": Answer(429, BUSY.body(), headers={"Retry-After": "2"}, kept=False),
    "lock_timeout": Answer(429, HELD.body(), kept=False),
    "no_balance": Answer(400, Fault.poor().body()),
    "key_in_use": Answer(409, Fault.key_in_use("of the fault").body(), kept=False),
}
DONE = {"done_500", "forgotten_500"}
KINDS = (*ANSWERS, "slow", "processing")
SLOW = Behaviour(answer_after=1.0)
Operation = Callable[[sqlite3.Connection, Params], Answer]


def order(tx: sqlite3.Connection, params: Params) -> Answer:
    """Have the next `times` (1) requests of `operation` meet a fault of this `kind`."""
    row = (
        _one_of(OPERATIONS, "operation", params),
        _one_of(KINDS, "kind", params),
        params.text("order"),
        params.integer("times", 1),
    )
    if row[1] == "processing" and row[0] != "confirm":
        raise Fault.invalid("kind", "Only a confirmation is processed.")
    tx.execute("INSERT INTO faults (operation, kind, for_order, times) VALUES (?, ?, ?, ?)", row)
    return Answer(200, dict(zip(("operation", "kind", "order", "times"), row, strict=True)))


def forget(tx: sqlite3.Connection, params: Params) -> None:
    """No request of this order meets a fault any more that was ordered for it."""
    tx.execute("DELETE FROM faults WHERE for_order = ?", (params.require("order"),))


def meeting(operation: str, run: Operation, intent_id: str | None = None) -> Operation:
    """The operation, which may meet a fault; of this intent, or of what its parameters say."""

    def attempt(tx: sqlite3.Connection, params: Params) -> Answer:
        kind = _take(tx, operation, _order_of(tx, params, intent_id))
        if kind is None:
            return run(tx, params)
        if kind == "processing" and intent_id:
            method = intents.find(tx, intent_id)["payment_method"]
            return intents.process(tx, intent_id, method, LOOKS)
        if kind == "slow":
            return run(tx, params)._replace(delivery=SLOW)
        if kind in DONE:
            run(tx, params)
        return ANSWERS[kind]

    return attempt


def _take(tx: sqlite3.Connection, operation: str, order_id: str | None) -> str | None:
    """The kind of the oldest fault that waits for this; it is used up by one."""
    row = tx.execute(
        """UPDATE faults SET times = times - 1 WHERE rowid = (
               SELECT rowid FROM faults WHERE operation = ? AND times > 0
               AND (for_order IS NULL OR for_order = ?) ORDER BY rowid LIMIT 1)
           RETURNING kind""",
        (operation, order_id),
    ).fetchone()
    return row["kind"] if row else None


def _order_of(tx: sqlite3.Connection, params: Params, intent_id: str | None) -> str | None:
    about: dict[str, Any] = params.mapping("metadata")
    found = intent_id or params.text("payment_intent")
    return (intents.metadata(tx, found) if found else about).get("order_id")


def _one_of(known: tuple[str, ...], name: str, params: Params) -> str:
    if (value := params.require(name)) not in known:
        raise Fault.invalid(name, f"Must be one of {', '.join(known)}.")
    return value
