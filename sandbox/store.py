"""The SQLite file: schema, and one short transaction a request.

SQLite has a single writer, so transactions run on the event loop's thread, one after the other,
without a lock of ours. A committed transaction survives `kill -9` and a power cut.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INTENTS = """(
    id TEXT PRIMARY KEY,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('requires_payment_method', 'requires_confirmation',
        'requires_action', 'processing', 'succeeded', 'canceled')),
    looks INTEGER NOT NULL DEFAULT 0,
    payment_method TEXT,
    captured INTEGER NOT NULL DEFAULT 0,
    refunded INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    metadata TEXT NOT NULL,
    created INTEGER NOT NULL DEFAULT (unixepoch()),
    canceled_at INTEGER,
    return_url TEXT,
    page TEXT,
    CHECK (0 <= refunded AND refunded <= captured AND captured <= amount)
) STRICT;
"""
REFUNDS = """(
    id TEXT PRIMARY KEY,
    intent TEXT NOT NULL REFERENCES intents (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created INTEGER NOT NULL DEFAULT (unixepoch()),
    status TEXT NOT NULL DEFAULT 'succeeded' CHECK (status IN ('pending', 'succeeded', 'failed')),
    becomes TEXT CHECK (becomes IN ('succeeded', 'failed'))
) STRICT;
"""
TABLES = (
    f"CREATE TABLE IF NOT EXISTS intents {INTENTS} CREATE TABLE IF NOT EXISTS refunds {REFUNDS}"
)
# An entry is inserted after its postings: their foreign key is checked at COMMIT, so postings
# without an entry cannot stay, and the entry's trigger sees all of them, so that an unbalanced
# entry cannot come in. Afterwards nothing of the ledger may change.
SCHEMA = """
CREATE INDEX IF NOT EXISTS intents_by_order ON intents (json_extract(metadata, '$.order_id'));
CREATE INDEX IF NOT EXISTS refunds_by_intent ON refunds (intent);
CREATE INDEX IF NOT EXISTS refunds_that_change ON refunds (id) WHERE becomes IS NOT NULL;

CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY,
    intent TEXT NOT NULL REFERENCES intents (id),
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund', 'refund_failure'))
) STRICT;
CREATE INDEX IF NOT EXISTS entries_by_intent ON entries (intent);
CREATE TABLE IF NOT EXISTS postings (
    entry TEXT NOT NULL REFERENCES entries (id) DEFERRABLE INITIALLY DEFERRED,
    account TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor <> 0),
    currency TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS postings_by_entry ON postings (entry);

CREATE TRIGGER IF NOT EXISTS entry_balances BEFORE INSERT ON entries
WHEN (SELECT count(*) FROM postings WHERE entry = NEW.id) < 2 OR EXISTS (
    SELECT 1 FROM postings WHERE entry = NEW.id GROUP BY currency HAVING sum(amount_minor) <> 0)
BEGIN SELECT RAISE(ABORT, 'the postings of an entry must sum to zero'); END;
CREATE TRIGGER IF NOT EXISTS entry_is_closed BEFORE INSERT ON postings
WHEN EXISTS (SELECT 1 FROM entries WHERE id = NEW.entry)
BEGIN SELECT RAISE(ABORT, 'the entry is closed'); END;
CREATE TRIGGER IF NOT EXISTS postings_stay BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS postings_last BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_last BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT;

CREATE TABLE IF NOT EXISTS faults (
    operation TEXT NOT NULL,
    kind TEXT NOT NULL,
    for_order TEXT,
    times INTEGER NOT NULL
) STRICT;
"""
# A file of an older release, in which no refund could fail.
OLD = "SELECT 1 FROM sqlite_schema WHERE name = 'entries' AND instr(sql, 'refund_failure') = 0"
RENEW = """
BEGIN;
ALTER TABLE refunds ADD COLUMN
    status TEXT NOT NULL DEFAULT 'succeeded' CHECK (status IN ('succeeded', 'failed'));
CREATE TABLE renewed (
    id TEXT PRIMARY KEY,
    intent TEXT NOT NULL REFERENCES intents (id),
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund', 'refund_failure'))
) STRICT;
INSERT INTO renewed SELECT id, intent, kind FROM entries ORDER BY rowid;
DROP TRIGGER entry_is_closed;
DROP TABLE entries;
ALTER TABLE renewed RENAME TO entries;
COMMIT;
"""
# One in which nothing took its time.
OLD_STATES = "SELECT 1 FROM sqlite_schema WHERE name = 'refunds' AND instr(sql, 'pending') = 0"
KEEP_INTENTS = """
INSERT INTO renewed (id, amount, currency, status, payment_method, captured, refunded, last_error,
        metadata, created, canceled_at)
    SELECT id, amount, currency, status, payment_method, captured, refunded, last_error, metadata,
        created, canceled_at FROM intents ORDER BY rowid;
DROP TABLE intents;
ALTER TABLE renewed RENAME TO intents;
"""
KEEP_REFUNDS = """
INSERT INTO renewed (id, intent, amount, currency, metadata, created, status)
    SELECT id, intent, amount, currency, metadata, created, status FROM refunds ORDER BY rowid;
DROP TABLE refunds;
ALTER TABLE renewed RENAME TO refunds;
"""
RENEW_STATES = "".join(
    (
        *("BEGIN; CREATE TABLE renewed ", INTENTS, KEEP_INTENTS),
        *("CREATE TABLE renewed ", REFUNDS, KEEP_REFUNDS, "COMMIT;"),
    )
)
# One in which no customer had to authenticate.
OLD_ACTIONS = """SELECT 1 FROM sqlite_schema
    WHERE name = 'intents' AND instr(sql, 'requires_action') = 0"""
KEEP_LOOKS = KEEP_INTENTS.replace("payment_method,", "payment_method, looks,")
RENEW_ACTIONS = "".join(("BEGIN; CREATE TABLE renewed ", INTENTS, KEEP_LOOKS, "COMMIT;"))
RENEWALS = ((OLD, RENEW), (OLD_STATES, RENEW_STATES), (OLD_ACTIONS, RENEW_ACTIONS))


class Store:
    """One connection to one file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        for old, renew in RENEWALS:
            if self._connection.execute(old).fetchone():
                self._connection.executescript(renew)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(TABLES + SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: commits on a clean exit, else rolls back. Never await inside."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def reader(self) -> sqlite3.Connection:
        """The connection, for single statements that only read."""
        return self._connection

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
