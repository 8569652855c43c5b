"""A customer who has to authenticate: on the provider's page, by themselves, or never."""

import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sandbox.payment_methods import LOOKS
from sandbox.store import Store
from tests.sandbox.process import Sandbox
from tests.sandbox.test_faults import INTENTS, kinds, order_id

THERE = "http://127.0.0.1:9/thanks?order=1"
BY_PAGE = "pm_card_threeDSecure2Required"


async def confirmed(sandbox: Sandbox, order: str, method: str, **how: str) -> httpx2.Response:
    """The answer to a confirmation of an intent of this order."""
    form = {"amount": 700, "currency": "eur", "payment_method": method}
    made = await sandbox.post(INTENTS, None, **form, **{"metadata[order_id]": order})
    path = f"{INTENTS}/{made.json()['id']}/confirm"
    return await sandbox.post(path, None, **(how or {"return_url": THERE}))


async def waiting(sandbox: Sandbox, order: str, method: str = BY_PAGE) -> dict[str, Any]:
    """An intent whose customer has to authenticate."""
    answer = await confirmed(sandbox, order, method)
    intent: dict[str, Any] = answer.json()
    assert (answer.status_code, intent["status"]) == (200, "requires_action")
    return intent


@pytest.mark.parametrize(
    ("outcome", "method", "status", "moved"),
    [
        ("succeed", BY_PAGE, "succeeded", ["capture"]),
        ("fail", BY_PAGE, "requires_payment_method", []),
        ("succeed", "pm_card_threeDSecureRequiredChargeDeclined", "requires_payment_method", []),
    ],
)
async def test_a_person_authenticates_on_the_page_and_is_led_back(
    sandbox: Sandbox, outcome: str, method: str, status: str, moved: list[str]
) -> None:
    order = order_id()
    intent = await waiting(sandbox, order, method)
    assert await kinds(sandbox, order) == []
    page = intent["next_action"]["redirect_to_url"]["url"]
    assert page == f"{sandbox.url}/authenticate/{intent['id']}"
    async with httpx2.AsyncClient(trust_env=False) as browser:  # which has no key of ours
        assert "Yes, pay" in (await browser.get(page)).text
        for _ in range(2):  # pressed twice
            answer = await browser.post(page, data={"outcome": outcome})
            told = "succeeded" if moved else "failed"
            query = f"&payment_intent={intent['id']}&redirect_status={told}"
            assert (answer.status_code, answer.headers["location"]) == (303, THERE + query)
        assert "nothing to authenticate" in (await browser.get(page)).text
    ended = await sandbox.get(f"{INTENTS}/{intent['id']}")
    assert (ended["status"], ended["next_action"]) == (status, None)
    assert await kinds(sandbox, order) == moved
    if outcome == "fail":
        code = ended["last_payment_error"]["code"]
        assert code == "payment_intent_authentication_failure"


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("pm_sandbox_authenticates", "succeeded"),
        ("pm_sandbox_authentication_fails", "requires_payment_method"),
        (BY_PAGE, "requires_action"),
    ],
)
async def test_some_do_so_by_themselves_when_the_provider_was_asked(
    sandbox: Sandbox, method: str, status: str
) -> None:
    intent = await waiting(sandbox, order_id(), method)
    path = f"{INTENTS}/{intent['id']}"
    for _ in range(LOOKS):
        assert (await sandbox.get(path))["status"] == "requires_action"
    assert (await sandbox.get(path))["status"] == status


async def test_what_was_called_off_is_not_captured_by_a_late_customer(sandbox: Sandbox) -> None:
    order = order_id()
    intent = await waiting(sandbox, order)
    path = f"{INTENTS}/{intent['id']}"
    assert (await sandbox.post(f"{path}/cancel")).json()["status"] == "canceled"
    late = await sandbox.post(f"/payment_intents/{intent['id']}/authenticate", outcome="succeed")
    assert late.json()["status"] == "canceled"
    assert await kinds(sandbox, order) == []


async def test_a_merchant_who_wants_nobody_to_authenticate_is_told_no(sandbox: Sandbox) -> None:
    order = order_id()
    answer = await confirmed(sandbox, order, BY_PAGE, error_on_requires_action="true")
    error = answer.json()["error"]
    assert (answer.status_code, error["decline_code"]) == (402, "authentication_required")
    assert error["payment_intent"]["status"] == "requires_payment_method"


async def test_who_has_to_authenticate_must_be_led_back(sandbox: Sandbox) -> None:
    answer = await confirmed(sandbox, order_id(), BY_PAGE, off_session="false")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "return_url")


def test_a_file_in_which_nobody_had_to_authenticate_is_renewed(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.executescript(
        """DROP TABLE intents; CREATE TABLE intents (id TEXT PRIMARY KEY, amount INTEGER NOT NULL,
            currency TEXT NOT NULL, status TEXT NOT NULL, looks INTEGER NOT NULL DEFAULT 0,
            payment_method TEXT, captured INTEGER NOT NULL DEFAULT 0,
            refunded INTEGER NOT NULL DEFAULT 0, last_error TEXT, metadata TEXT NOT NULL,
            created INTEGER NOT NULL DEFAULT (unixepoch()), canceled_at INTEGER) STRICT;
        INSERT INTO intents (id, amount, currency, status, metadata, looks)
            VALUES ('pi_1', 5, 'eur', 'processing', '{}', 2);"""
    )
    connection.close()
    store = Store(path)
    row = store.reader().execute("SELECT id, looks, page FROM intents").fetchone()
    assert tuple(row) == ("pi_1", 2, None)
    with store.transaction() as tx:
        tx.execute("UPDATE intents SET status = 'requires_action'")
    store.close()
