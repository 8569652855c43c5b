"""What the provider answers: Stripe's states, refusals and shapes."""

import os
import subprocess
from typing import Any

import httpx2
import pytest

from local_stack.programs import program
from sandbox.payment_methods import METHODS
from tests.sandbox.process import Sandbox

INTENTS = "/v1/payment_intents"


async def intent(sandbox: Sandbox, **form: Any) -> Any:
    whole = {"amount": 500, "currency": "EUR", "payment_method": "pm_card_visa"} | form
    response = await sandbox.post(INTENTS, None, **whole)
    assert response.status_code == 200, response.text
    return response.json()


def error(response: httpx2.Response) -> tuple[int, str | None, str | None]:
    body = response.json()["error"]
    return response.status_code, body.get("code"), body.get("param")


async def test_an_intent_moves_money_when_confirmed_and_not_before(sandbox: Sandbox) -> None:
    made = await intent(sandbox, **{"metadata[order_id]": "api-1"})
    assert (made["status"], made["currency"], made["amount_received"]) == (
        "requires_confirmation",
        "eur",
        0,
    )
    assert (await sandbox.ledger("api-1"))["entries"] == []
    confirmed = (await sandbox.post(f"{INTENTS}/{made['id']}/confirm")).json()
    assert (confirmed["status"], confirmed["amount_received"]) == ("succeeded", 500)
    assert confirmed == await sandbox.get(f"{INTENTS}/{made['id']}")
    assert confirmed["metadata"] == {"order_id": "api-1"}
    assert (await sandbox.ledger("api-1"))["captured"] == {"eur": 500}


async def test_create_can_confirm_at_once(sandbox: Sandbox) -> None:
    assert (await intent(sandbox, confirm="true"))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        (name, b.decline.code, b.decline.decline_code)
        for name, b in METHODS.items()
        if b.decline and not (b.looks or b.authentication)
    ],
)
async def test_a_declined_card_is_a_402_that_the_intent_remembers(
    sandbox: Sandbox, method: str, code: str, decline_code: str
) -> None:
    order = f"declined-{method}"
    made = await intent(sandbox, payment_method=method, **{"metadata[order_id]": order})
    response = await sandbox.post(f"{INTENTS}/{made['id']}/confirm")
    assert response.status_code == 402
    declined = response.json()["error"]
    assert (declined["type"], declined["code"], declined["decline_code"]) == (
        "card_error",
        code,
        decline_code,
    )
    now = await sandbox.get(f"{INTENTS}/{made['id']}")
    assert now["status"] == "requires_payment_method"
    assert now["last_payment_error"]["decline_code"] == decline_code
    assert (await sandbox.ledger(order))["entries"] == []

    again = await sandbox.post(f"{INTENTS}/{made['id']}/confirm")
    assert error(again)[1] == "payment_intent_unexpected_state"
    other = await sandbox.post(f"{INTENTS}/{made['id']}/confirm", payment_method="pm_card_visa")
    assert other.json()["status"] == "succeeded"


async def test_a_succeeded_intent_cannot_be_confirmed_or_canceled(sandbox: Sandbox) -> None:
    made = await intent(sandbox, confirm="true")
    for verb in ("confirm", "cancel"):
        response = await sandbox.post(f"{INTENTS}/{made['id']}/{verb}")
        assert error(response)[:2] == (400, "payment_intent_unexpected_state")


async def test_a_canceled_intent_stays_canceled(sandbox: Sandbox) -> None:
    made = await intent(sandbox)
    assert (await sandbox.post(f"{INTENTS}/{made['id']}/cancel")).json()["status"] == "canceled"
    for verb in ("confirm", "cancel"):
        response = await sandbox.post(f"{INTENTS}/{made['id']}/{verb}")
        assert error(response)[:2] == (400, "payment_intent_unexpected_state")


async def test_refunds_in_parts_never_exceed_the_capture(sandbox: Sandbox) -> None:
    made = await intent(sandbox, confirm="true", **{"metadata[order_id]": "parts"})
    first = (await sandbox.post("/v1/refunds", payment_intent=made["id"], amount=200)).json()
    too_much = await sandbox.post("/v1/refunds", payment_intent=made["id"], amount=301)
    assert error(too_much)[:2] == (400, "charge_already_refunded")
    rest = (await sandbox.post("/v1/refunds", payment_intent=made["id"])).json()
    assert (first["amount"], rest["amount"]) == (200, 300)
    nothing_left = await sandbox.post("/v1/refunds", payment_intent=made["id"])
    assert error(nothing_left)[:2] == (400, "charge_already_refunded")
    listed = await sandbox.get("/v1/refunds", payment_intent=made["id"])
    assert [refund["id"] for refund in listed["data"]] == [rest["id"], first["id"]]
    assert await sandbox.get(f"/v1/refunds/{rest['id']}") == rest
    ledger = await sandbox.ledger("parts")
    assert ledger["refunded"] == ledger["captured"] == {"eur": 500}


async def test_an_uncaptured_intent_cannot_be_refunded(sandbox: Sandbox) -> None:
    made = await intent(sandbox)
    response = await sandbox.post("/v1/refunds", payment_intent=made["id"])
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"amount": 0}, "amount_too_small", "amount"),
        ({"amount": -5}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": "4.20"}, "parameter_invalid_integer", "amount"),
        ({"amount": ""}, "parameter_missing", "amount"),
        ({"currency": ""}, "parameter_missing", "currency"),
        ({"payment_method": "pm_card_nobody"}, "resource_missing", "payment_method"),
        ({"surprise": 1}, "parameter_unknown", "surprise"),
    ],
)
async def test_create_refuses_what_stripe_refuses(
    sandbox: Sandbox, form: dict[str, Any], code: str, param: str
) -> None:
    whole = {"amount": 500, "currency": "eur", "payment_method": "pm_card_visa"} | form
    assert error(await sandbox.post(INTENTS, None, **whole)) == (400, code, param)


async def test_the_largest_amount_is_stripes(sandbox: Sandbox) -> None:
    assert (await intent(sandbox, amount=99_999_999, confirm="true"))["status"] == "succeeded"


async def test_lists_go_by_pages_newest_first(sandbox: Sandbox) -> None:
    ids = [(await intent(sandbox))["id"] for _ in range(3)]
    page = await sandbox.get(INTENTS, limit=2)
    assert [found["id"] for found in page["data"]] == [ids[2], ids[1]]
    assert page["has_more"]
    following = await sandbox.get(INTENTS, limit=1, starting_after=ids[1])
    assert [found["id"] for found in following["data"]] == [ids[0]]


async def test_intents_are_listed_by_when_they_were_made_with_their_charges(
    sandbox: Sandbox,
) -> None:
    charged = await intent(sandbox, amount=900, confirm="true")
    await sandbox.post("/v1/refunds", None, payment_intent=charged["id"], amount=200)
    window = {"created[gte]": charged["created"], "created[lt]": charged["created"] + 60}
    page = await sandbox.get(INTENTS, limit=1, **window, **{"expand[0]": "data.latest_charge"})
    charge = page["data"][0]["latest_charge"]
    assert (charge["amount_captured"], charge["amount_refunded"]) == (900, 200)
    before = {"created[lt]": charged["created"]}
    earlier = await sandbox.get(INTENTS, limit=100, **before)
    assert charged["id"] not in {datum["id"] for datum in earlier["data"]}
    plain = await sandbox.get(INTENTS, limit=1, **window)
    assert isinstance(plain["data"][0]["latest_charge"], str)


async def test_unknown_objects_and_routes_are_404(sandbox: Sandbox) -> None:
    for path in (f"{INTENTS}/pi_none", "/v1/refunds/re_none", "/v1/nothing"):
        response = await sandbox.client.get(path)
        assert (response.status_code, response.json()["error"]["type"]) == (
            404,
            "invalid_request_error",
        )


async def test_down_answers_503_and_does_nothing(sandbox: Sandbox) -> None:
    made = await intent(sandbox, payment_method="pm_sandbox_down", **{"metadata[order_id]": "down"})
    for _ in range(2):
        response = await sandbox.post(f"{INTENTS}/{made['id']}/confirm", key="down")
        assert (response.status_code, response.json()["error"]["type"]) == (503, "api_error")
    assert (await sandbox.get(f"{INTENTS}/{made['id']}"))["status"] == "requires_confirmation"
    assert (await sandbox.ledger("down"))["entries"] == []


async def test_a_lost_reply_is_a_cut_connection_and_committed_money(sandbox: Sandbox) -> None:
    made = await intent(sandbox, payment_method="pm_sandbox_reply_lost")
    with pytest.raises(httpx2.TransportError):
        await sandbox.post(f"{INTENTS}/{made['id']}/confirm", key="lost")
    assert (await sandbox.get(f"{INTENTS}/{made['id']}"))["status"] == "succeeded"
    replayed = await sandbox.post(f"{INTENTS}/{made['id']}/confirm", key="lost")
    assert (replayed.status_code, replayed.json()["status"]) == (200, "succeeded")


async def test_slow_moves_the_money_even_if_the_client_hangs_up(sandbox: Sandbox) -> None:
    made = await intent(sandbox, payment_method="pm_sandbox_slow")
    with pytest.raises(httpx2.ReadTimeout):
        await sandbox.client.post(f"{INTENTS}/{made['id']}/confirm", timeout=0.5)
    assert (await sandbox.get(f"{INTENTS}/{made['id']}"))["status"] == "succeeded"


@pytest.mark.parametrize("authorization", ["", "Bearer sk_wrong", "Basic c2s6", "Bearer"])
async def test_only_the_key_opens_the_door(sandbox: Sandbox, authorization: str) -> None:
    headers = {"Authorization": authorization}
    for path in (INTENTS, "/ledger", "/v1/refunds"):
        response = await sandbox.client.get(path, headers=headers)
        assert (response.status_code, response.json()["error"]["type"]) == (
            401,
            "invalid_request_error",
        )
    assert (await sandbox.client.get("/health", headers=headers)).status_code == 200


def test_it_refuses_to_start_without_a_key(tmp_path: Any) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SANDBOX_KEY"}
    ended = subprocess.run(
        program("saga-sandbox", "--database", str(tmp_path / "x.db")),
        env=environment,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert b"SANDBOX_KEY" in ended.stderr
