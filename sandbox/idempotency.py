"""Idempotency keys as Stripe keeps them: a repetition gets the first status and body again.

The answer is stored in the transaction of its effect, so that there is never one without the
other, and kept for a day. Requests that are being answered are remembered in memory only:
`kill -9` ends them.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sandbox.errors import Fault
from sandbox.responses import Answer

DAY = 24 * 60 * 60


class InFlight:
    """The keys of requests that have not been answered yet."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    @contextmanager
    def hold(self, key: str | None) -> Iterator[None]:
        """Occupy the key. Fault 409 if another request does."""
        if key is None:
            yield
            return
        if key in self._keys:
            raise Fault.key_in_use(key)
        self._keys.add(key)
        try:
            yield
        finally:
            self._keys.discard(key)


def fingerprint(method: str, path: str, form: Mapping[str, str]) -> str:
    """What must be the same for a request to count as a repetition."""
    return json.dumps([method, path, sorted(form.items())])


def recall(tx: sqlite3.Connection, key: str, request: str) -> Answer | None:
    """The stored answer. Fault `idempotency_error` if the key stood for another request.

    A key is forgotten after a day.
    """
    tx.execute("DELETE FROM idempotency WHERE key = ? AND created <= unixepoch() - ?", (key, DAY))
    row = tx.execute("SELECT * FROM idempotency WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row["request"] != request:
        raise Fault(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request.",
            kind="idempotency_error",
        )
    return Answer(row["status"], json.loads(row["body"]))


def remember(tx: sqlite3.Connection, key: str, request: str, answer: Answer) -> None:
    """Store the answer for repetitions."""
    tx.execute(
        "INSERT INTO idempotency (key, request, status, body) VALUES (?, ?, ?, ?)",
        (key, request, answer.status, json.dumps(answer.body)),
    )
