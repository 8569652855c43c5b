"""Faults that real providers have: answers that are kept though they failed, refunds that fail."""

import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sandbox.payment_methods import LOOKS
from sandbox.store import RENEWALS, Store
from tests.sandbox.process import Sandbox

INTENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"


def order_id() -> str:
    return f"ord_{uuid4().hex[:12]}"


async def captured(sandbox: Sandbox, order: str) -> Any:
    """A captured intent of this order."""
    form = {"amount": 700, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    made = await sandbox.post(INTENTS, None, **form, **{"metadata[order_id]": order})
    assert made.status_code == 200, made.text
    return made.json()


async def kinds(sandbox: Sandbox, order: str) -> list[str]:
    return [entry["kind"] for entry in (await sandbox.ledger(order))["entries"]]


@pytest.mark.parametrize(
    ("kind", "moved"), [("stored_500", ["capture"]), ("done_500", ["capture", "refund"])]
)
async def test_a_stored_500_is_replayed_under_its_key_and_not_under_another(
    sandbox: Sandbox, kind: str, moved: list[str]
) -> None:
    order = order_id()
    intent = await captured(sandbox, order)
    await sandbox.fault("refund", kind, order)
    for replayed in (False, True):
        answer = await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intent["id"])
        assert answer.status_code == 500
        assert ("Idempotent-Replayed" in answer.headers) == replayed
    assert await kinds(sandbox, order) == moved
    other = await sandbox.post(REFUNDS, f"{order}/2", payment_intent=intent["id"])
    assert other.status_code == (200 if kind == "stored_500" else 400)
    assert await kinds(sandbox, order) == ["capture", "refund"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("plain_500", 500, None),
        ("rate_limit", 429, "rate_limit"),
        ("lock_timeout", 429, "lock_timeout"),
        ("key_in_use", 409, "idempotency_key_in_use"),
    ],
)
async def test_what_is_not_kept_is_not_replayed(
    sandbox: Sandbox, kind: str, status: int, code: str | None
) -> None:
    order = order_id()
    intent = await captured(sandbox, order)
    await sandbox.fault("refund", kind, order, times=2)
    for _ in range(2):
        answer = await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intent["id"])
        assert (answer.status_code, answer.json()["error"].get("code")) == (status, code)
        assert ("Retry-After" in answer.headers) == (kind == "rate_limit")
    done = await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intent["id"])
    assert done.status_code == 200


async def test_a_refund_that_the_balance_does_not_cover_is_refused_until_that_is_forgotten(
    sandbox: Sandbox,
) -> None:
    order, other = order_id(), order_id()
    intent = await captured(sandbox, order)
    for each in (order, other):
        await sandbox.fault("refund", "no_balance", each, times=9)
    for attempt in range(2):
        refused = await sandbox.post(REFUNDS, f"{order}/{attempt}", payment_intent=intent["id"])
        assert refused.json()["error"]["code"] == "balance_insufficient"
    forgotten = await sandbox.client.delete("/faults", params={"order": order})
    assert forgotten.status_code == 200
    replayed = await sandbox.post(REFUNDS, f"{order}/0", payment_intent=intent["id"])
    assert replayed.status_code == 400  # as is kept under its key
    done = await sandbox.post(REFUNDS, f"{order}/2", payment_intent=intent["id"])
    assert done.status_code == 200
    theirs = await captured(sandbox, other)
    still = await sandbox.post(REFUNDS, f"{other}/0", payment_intent=theirs["id"])
    assert still.status_code == 400


async def test_a_key_is_forgotten_after_a_day(sandbox: Sandbox) -> None:
    order = order_id()
    intent = await captured(sandbox, order)
    await sandbox.fault("refund", "stored_500", order)
    for hours, status in ((0, 500), (23, 500), (1, 200)):
        await sandbox.pass_time(hours=hours, order=order)
        answer = await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intent["id"])
        assert answer.status_code == status


async def test_what_is_done_and_forgotten_is_asked_for_anew(sandbox: Sandbox) -> None:
    order = order_id()
    intent = await captured(sandbox, order)
    await sandbox.fault("refund", "forgotten_500", order)
    answers = [await sandbox.post(REFUNDS, order, payment_intent=intent["id"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 400]
    assert answers[1].json()["error"]["code"] == "charge_already_refunded"
    assert await kinds(sandbox, order) == ["capture", "refund"]


async def test_time_goes_by_for_one_order_alone(sandbox: Sandbox) -> None:
    mine, other = order_id(), order_id()
    intents = {order: await captured(sandbox, order) for order in (mine, other)}
    for order in (mine, other):
        await sandbox.fault("refund", "stored_500", order)
        await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intents[order]["id"])
    await sandbox.pass_time(hours=24, order=mine)
    for order, status in ((mine, 200), (other, 500)):
        answer = await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intents[order]["id"])
        assert answer.status_code == status
    made = [(await sandbox.get(f"{INTENTS}/{i['id']}"))["created"] for i in intents.values()]
    assert made == [intents[mine]["created"] - 24 * 3600, intents[other]["created"]]


@pytest.mark.parametrize("way", ["by method", "by fault"])
@pytest.mark.parametrize("settled", ["by looks", "at once"])
async def test_a_payment_is_processed_before_it_is_charged(
    sandbox: Sandbox, way: str, settled: str
) -> None:
    order = order_id()
    method = "pm_sandbox_processing" if way == "by method" else "pm_card_visa"
    form = {"amount": 700, "currency": "eur", "payment_method": method}
    intent = (await sandbox.post(INTENTS, None, **form, **{"metadata[order_id]": order})).json()
    path = f"{INTENTS}/{intent['id']}"
    if way == "by fault":
        await sandbox.fault("confirm", "processing", order)
    assert (await sandbox.post(f"{path}/confirm")).json()["status"] == "processing"
    for operation in ("confirm", "cancel"):
        refused = await sandbox.post(f"{path}/{operation}")
        assert refused.json()["error"]["code"] == "payment_intent_unexpected_state"
    if settled == "at once":
        await sandbox.settle(intent["id"])
    else:
        for _ in range(LOOKS):
            assert (await sandbox.get(path))["status"] == "processing"
            assert await kinds(sandbox, order) == []
    assert (await sandbox.get(path))["status"] == "succeeded"
    await sandbox.settle(intent["id"])
    assert await kinds(sandbox, order) == ["capture"]


@pytest.mark.parametrize(
    ("method", "statuses", "moved"),
    [
        ("pm_card_pendingRefund", ["pending", "succeeded"], ["capture", "refund"]),
        ("pm_card_refundFail", ["succeeded", "failed"], ["capture", "refund", "refund_failure"]),
    ],
)
async def test_a_refund_is_another_for_whoever_looks_again(
    sandbox: Sandbox, method: str, statuses: list[str], moved: list[str]
) -> None:
    order = order_id()
    form = {"amount": 700, "currency": "eur", "payment_method": method, "confirm": "true"}
    intent = (await sandbox.post(INTENTS, None, **form, **{"metadata[order_id]": order})).json()
    refund = (await sandbox.post(REFUNDS, None, payment_intent=intent["id"])).json()
    again = [(await sandbox.get(f"{REFUNDS}/{refund['id']}"))["status"] for _ in range(2)]
    assert [refund["status"], *again] == [*statuses, statuses[-1]]
    assert await kinds(sandbox, order) == moved


async def test_only_a_confirmation_is_processed(sandbox: Sandbox) -> None:
    refused = await sandbox.post("/faults", None, operation="refund", kind="processing")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "kind")


async def test_a_refund_that_fails_later_brings_the_money_back_into_the_books(
    sandbox: Sandbox,
) -> None:
    order = order_id()
    intent = await captured(sandbox, order)
    refund = (await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intent["id"])).json()
    assert refund["status"] == "succeeded"
    for _ in range(2):
        await sandbox.fail_refund(refund["id"])
    replayed = (await sandbox.post(REFUNDS, f"{order}/1", payment_intent=intent["id"])).json()
    assert replayed["status"] == "succeeded"  # what is stored under the key
    assert (await sandbox.get(f"{REFUNDS}/{refund['id']}"))["status"] == "failed"
    ledger = await sandbox.ledger(order)
    assert ledger["balanced"]
    assert (ledger["captured"], ledger["refunded"]) == ({"eur": 700}, {"eur": 0})
    assert await kinds(sandbox, order) == ["capture", "refund", "refund_failure"]
    again = await sandbox.post(REFUNDS, f"{order}/2", payment_intent=intent["id"])
    assert again.json()["amount"] == 700


async def test_refunds_are_listed_by_when_they_were_made_with_their_charges(
    sandbox: Sandbox,
) -> None:
    order = order_id()
    intent = await captured(sandbox, order)
    refund = (await sandbox.post(REFUNDS, payment_intent=intent["id"], amount=200)).json()
    at = refund["created"]
    query = {"expand[0]": "data.charge", "limit": 100}
    within = {"created[gte]": at, "created[lt]": at + 1}
    listed = (await sandbox.get(REFUNDS, **query, **within))["data"]
    charge = next(instance["charge"] for instance in listed if instance["id"] == refund["id"])
    assert (charge["amount_captured"], charge["amount_refunded"]) == (700, 200)
    assert charge["metadata"] == {"order_id": order}
    before = (await sandbox.get(REFUNDS, **query, **{"created[lt]": at}))["data"]
    assert refund["id"] not in {item["id"] for item in before}


async def test_an_intent_shows_its_charge_if_asked(sandbox: Sandbox) -> None:
    intent = await captured(sandbox, order_id())
    path = f"{INTENTS}/{intent['id']}"
    assert (await sandbox.get(path))["latest_charge"] == intent["latest_charge"]
    whole = await sandbox.get(path, **{"expand[0]": "latest_charge"})
    assert whole["latest_charge"]["amount_captured"] == 700


def test_a_file_of_the_release_before_keeps_its_books(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.executescript(
        """DROP TABLE entries; DROP TABLE refunds;
        CREATE TABLE refunds (id TEXT PRIMARY KEY, intent TEXT NOT NULL REFERENCES intents (id),
            amount INTEGER NOT NULL, currency TEXT NOT NULL, metadata TEXT NOT NULL,
            created INTEGER NOT NULL DEFAULT (unixepoch())) STRICT;
        CREATE TABLE entries (id TEXT PRIMARY KEY, intent TEXT NOT NULL REFERENCES intents (id),
            kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund'))) STRICT;
        INSERT INTO intents (id, amount, currency, status, metadata, captured)
            VALUES ('pi_1', 5, 'eur', 'succeeded', '{}', 5);
        INSERT INTO postings VALUES ('le_1', 'c', -5, 'eur'), ('le_1', 'merchant', 5, 'eur');
        INSERT INTO entries VALUES ('le_1', 'pi_1', 'capture');
        """
    )
    connection.close()
    for _ in range(2):
        store = Store(path)
        for old, _renew in RENEWALS:
            assert store.reader().execute(old).fetchone() is None
        kept = store.reader().execute("SELECT id, kind FROM entries").fetchall()
        assert [tuple(row) for row in kept] == [("le_1", "capture")]
        with pytest.raises(sqlite3.IntegrityError), store.transaction() as tx:
            tx.execute("DELETE FROM entries")
        with pytest.raises(sqlite3.IntegrityError), store.transaction() as tx:
            tx.execute("INSERT INTO postings VALUES ('le_1', 'c', 1, 'eur')")
        store.close()
