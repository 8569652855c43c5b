"""Idempotency keys: a repeated request has one effect and one answer."""

import asyncio
from typing import Any

from tests.sandbox.process import Sandbox
from tests.support.waiting import until

INTENTS = "/v1/payment_intents"
FORM = {"amount": 700, "currency": "eur", "payment_method": "pm_card_visa"}
DECLINED = FORM | {"payment_method": "pm_card_visa_chargeDeclined"}


async def create(sandbox: Sandbox, key: str, **form: Any) -> Any:
    return (await sandbox.post(INTENTS, key, **(FORM | form))).json()


async def test_the_same_request_gets_the_same_answer(sandbox: Sandbox) -> None:
    first = await sandbox.post(INTENTS, "same", **FORM)
    second = await sandbox.post(INTENTS, "same", **FORM)
    assert second.json() == first.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


async def test_other_parameters_or_another_path_under_a_key_are_refused(sandbox: Sandbox) -> None:
    made = await create(sandbox, "other")
    for path, form in [(INTENTS, FORM | {"amount": 701}), (f"{INTENTS}/{made['id']}/confirm", {})]:
        response = await sandbox.post(path, "other", **form)
        assert (response.status_code, response.json()["error"]["type"]) == (
            400,
            "idempotency_error",
        )
    assert (await create(sandbox, "other")) == made


async def test_a_decline_is_replayed_as_it_was(sandbox: Sandbox) -> None:
    made = await create(sandbox, "decline-create", **DECLINED)
    path = f"{INTENTS}/{made['id']}/confirm"
    first = await sandbox.post(path, "decline")
    await sandbox.post(path, payment_method="pm_card_visa")
    replayed = await sandbox.post(path, "decline")
    assert (first.status_code, replayed.status_code) == (402, 402)
    assert replayed.json() == first.json()


async def test_a_refusal_by_state_is_replayed_and_one_by_validation_is_not(
    sandbox: Sandbox,
) -> None:
    refused = await sandbox.post(INTENTS, "mended", **(FORM | {"amount": 0}))
    mended = await sandbox.post(INTENTS, "mended", **FORM)
    assert (refused.status_code, mended.status_code) == (400, 200)

    path = f"{INTENTS}/{mended.json()['id']}/cancel"
    await sandbox.post(path)
    for replayed in (False, True):
        response = await sandbox.post(path, "state")
        assert response.json()["error"]["code"] == "payment_intent_unexpected_state"
        assert ("Idempotent-Replayed" in response.headers) == replayed


async def test_a_key_in_use_is_a_conflict(sandbox: Sandbox) -> None:
    slow = {"payment_method": "pm_sandbox_slow", "metadata[order_id]": "in-use"}
    made = await create(sandbox, "slow-create", **slow)
    path = f"{INTENTS}/{made['id']}/confirm"
    first = asyncio.create_task(sandbox.post(path, "slow"))
    await until(lambda: _captured(sandbox, "in-use"))
    second = await sandbox.post(path, "slow")
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await sandbox.post(path, "slow")).status_code == 409
    answered = await first
    assert (await sandbox.post(path, "slow")).json() == answered.json()


async def _captured(sandbox: Sandbox, order: str) -> bool:
    return bool((await sandbox.ledger(order))["captured"])


async def test_fifty_repetitions_at_once_capture_and_refund_once(sandbox: Sandbox) -> None:
    made = await create(sandbox, "crowd-create", **{"metadata[order_id]": "crowd"})
    for path, form in [
        (f"{INTENTS}/{made['id']}/confirm", {}),
        ("/v1/refunds", {"payment_intent": made["id"]}),
    ]:
        posts = (sandbox.post(path, f"crowd-{path}", **form) for _ in range(50))
        answers = await asyncio.gather(*posts)
        assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
    ledger = await sandbox.ledger("crowd")
    assert [entry["kind"] for entry in ledger["entries"]] == ["capture", "refund"]
