"""The operators' commands on a real stack, as `saga …` and as `temporal saga …`."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from cli.operate import archive
from tests.support.stack import Stack, frozen
from tests.support.waiting import until

PROGRAMS = Path(sys.executable).parent


@pytest_asyncio.fixture(scope="module")
async def shop(stack: Stack) -> Callable[..., dict[str, Any]]:
    """Places an order; the options are those of `saga order place`."""
    with httpx2.Client(base_url=stack.api, headers=stack.bearer()) as http:
        user = http.post("/v1/users", json={"name": "Ada", "email": "ada@example.com"}).json()
        price = {"minor": 1250, "currency": "EUR"}
        product = {"sku": "OPERATE-1", "name": "Thing", "price": price, "stock": 1000}
        http.post("/v1/products", json=product).raise_for_status()

    def place(*options: str) -> dict[str, Any]:
        item = ("OPERATE-1=2", "--customer", user["id"])
        order: dict[str, Any] = json.loads(done(stack, "order", "place", *item, "--json", *options))
        return order

    return place


Shop = Callable[..., dict[str, Any]]


def done(stack: Stack, *arguments: str, code: int = 0) -> str:
    """What a `saga` command says; it must end with this code."""
    ran = stack.saga(*arguments)
    assert ran.returncode == code, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def temporal(stack: Stack, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The Temporal CLI, as a user has it whose PATH leads to ours."""
    address = stack.state.environment["TEMPORAL_ADDRESS"]
    return subprocess.run(
        [str(PROGRAMS / "temporal"), *arguments],
        cwd=stack.state_dir.parent,
        env={
            **os.environ,
            "TEMPORAL_ADDRESS": address,
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        },
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


async def status(stack: Stack, order_id: str, wanted: str) -> None:
    """Wait until the order has this status."""
    async with httpx2.AsyncClient(base_url=stack.api, headers=stack.bearer()) as http:

        async def so() -> bool:
            return bool((await http.get(f"/v1/orders/{order_id}")).json()["status"] == wanted)

        await until(so, within=60)


async def blocked(stack: Stack, shop: Shop) -> str:
    """An order whose money the provider does not give back."""
    order_id: str = shop("--payment-method", "pm_sandbox_refund_refused")["id"]
    async with httpx2.AsyncClient(base_url=stack.api, headers=stack.bearer()) as http:

        async def charging() -> bool:
            saga = (await http.get(f"/v1/orders/{order_id}/saga")).json()
            states = {step["name"]: step["state"] for step in saga["steps"]}
            return str(states["charge_payment"]) == "running"

        await until(charging)
        (await http.post(f"/v1/orders/{order_id}/cancel")).raise_for_status()
    await status(stack, order_id, "blocked")
    return order_id


async def test_temporal_offers_the_commands_as_its_own(stack: Stack) -> None:
    assert "replay" in temporal(stack, "saga", "--help").stdout


async def test_a_recorded_order_replays_from_server_query_file_and_pipe(
    stack: Stack, shop: Shop, tmp_path: Path
) -> None:
    order_id = shop("--wait")["id"]
    saga_id = f"order-{order_id}"
    recorded = temporal(stack, "workflow", "show", "-w", saga_id, "-o", "json").stdout
    (tmp_path / "one.json").write_text(recorded)
    for which in (order_id, saga_id, f"WorkflowId = '{saga_id}'", str(tmp_path)):
        said = done(stack, "replay", which)
        assert f"✓ {saga_id}" in said
        assert "1 replayed, 0 differ" in said
    assert "1 replayed, 0 differ" in temporal(stack, "saga", "replay", "-", stdin=recorded).stdout


async def test_a_history_that_the_code_would_not_repeat_is_shown_with_both_sides(
    stack: Stack, tmp_path: Path
) -> None:
    recorded = Path(__file__).parents[1] / "histories" / "0.1.0" / archive.NAME
    (line,) = (item for item in archive.read(recorded) if item.name == "PlaceOrder-confirmed")
    other = tmp_path / "other.json"
    other.write_text(json.dumps(line.history).replace("inventory.reserve", "inventory.borrow"))
    said = done(stack, "replay", str(other), code=1)
    assert "inventory.borrow" in said
    assert "inventory.reserve" in said


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("ord_nope", "there is no workflow order-ord_nope"),
        (__file__, "is no history in JSON"),
        (str(Path(__file__).parent), "holds no *.json"),
    ],
)
async def test_what_holds_no_history_is_told(stack: Stack, which: str, words: str) -> None:
    ran = stack.saga("replay", which)
    assert (ran.returncode, words in ran.stderr) == (1, True), ran.stderr


async def test_explain_tells_a_confirmed_and_a_declined_order(stack: Stack, shop: Shop) -> None:
    story = done(stack, "explain", shop("--wait")["id"])
    assert "is confirmed." in story
    assert "payment: charge_payment took effect, once" in story
    assert "Money: 25.00 EUR is held" in story
    method = "pm_card_visa_chargeDeclinedInsufficientFunds"
    story = done(stack, "explain", shop("--wait", "--payment-method", method)["id"])
    assert "insufficient_funds" in story
    assert "inventory: reserve_inventory took effect, and was undone" in story
    assert "Money: 0.00 EUR is held" in story
    assert "Stock: 0 pieces" in story


async def test_a_refused_refund_is_found_explained_and_resolved(stack: Stack, shop: Shop) -> None:
    order_id = await blocked(stack, shop)
    saga_id = f"order-{order_id}"

    async def listed() -> bool:
        ran = stack.saga("stuck", "--json")
        assert ran.returncode in {0, 1}, ran.stderr
        rows = {load["saga_id"]: load for load in json.loads(ran.stdout)}
        return saga_id in rows and (rows[saga_id]["kind"], rows[saga_id]["money"]) == (
            "blocked",
            2500,
        )

    await until(listed)  # visibility lags a little
    said = done(stack, "explain", order_id)
    assert "balance" in said
    assert f"saga resolve charge_payment order-{order_id}" in said
    assert "It is its compensation that waits. You may say:" in said
    assert "--action mark_done: it was undone by other means" in said
    question = ("--role", "fence", "--action", "retry")
    assert "step_not_blocked" in done(
        stack, "resolve", "charge_payment", saga_id, *question, code=4
    )
    assert "would retry" in done(stack, "resolve", "charge_payment", saga_id, "--dry-run")
    by_hand = ("resolve", "charge_payment", order_id, "--action", "mark_done")
    assert "evidence_missing" in done(stack, *by_hand, "--dry-run", code=4)
    said = done(stack, *by_hand, "--evidence", "refunded by hand, bank slip 12")
    assert f"mark_done of charge_payment accepted in {saga_id}: you say that " in said
    assert "it gives 25.00 EUR back to the customer" in said
    await status(stack, order_id, "cancelled")
    assert "bank slip 12" in done(stack, "explain", order_id)


async def test_a_blocked_return_is_shown_with_its_order_and_resolved_by_the_orders_id(
    stack: Stack, shop: Shop
) -> None:
    order_id = shop("--wait", "--payment-method", "pm_sandbox_return_refused")["id"]
    done(stack, "return", order_id)
    async with httpx2.AsyncClient(base_url=stack.api, headers=stack.bearer()) as http:

        async def is_blocked() -> bool:
            saga = (await http.get(f"/v1/orders/{order_id}/return")).json()
            return bool(saga["state"] == "blocked")

        await until(is_blocked, within=60)
    shown = done(stack, "order", "show", order_id)
    assert f"it is being returned by return-{order_id}: refund_payment is blocked, as " in shown
    word = ("--action", "skip", "--evidence", "a voucher instead")
    said = done(stack, "resolve", "refund_payment", order_id, *word)
    assert f"skip of refund_payment accepted in return-{order_id}: you say that " in said
    await status(stack, order_id, "returned")
    assert "being returned" not in done(stack, "order", "show", order_id)


async def test_a_batch_needs_a_yes_and_tells_of_each(stack: Stack, shop: Shop) -> None:
    late = shop("--wait")["id"]
    early = shop("--payment-method", "pm_sandbox_down")["id"]
    refused = stack.saga("cancel", late, early)
    assert (refused.returncode, "say --yes" in refused.stderr) == (1, True)
    ran = stack.saga("cancel", late, early, "--yes", "--json")
    told = {load["target"]: load for load in json.loads(ran.stdout)}
    assert ran.returncode == 1  # one of them is confirmed
    assert "too_late_to_cancel" in told[late]["error"]
    assert told[early]["error"] is None
    await status(stack, early, "cancelled")
    assert "✓" in done(stack, "return", late)
    await status(stack, late, "returned")


async def test_a_terminated_order_is_stuck_until_a_previewed_reset_repairs_it(
    stack: Stack, shop: Shop
) -> None:
    with frozen(stack, "provider"):  # nothing is charged before the order is terminated
        order_id = shop()["id"]
        saga_id = f"order-{order_id}"

        async def reserved() -> bool:
            return "inventory: reserve_inventory took effect" in done(stack, "explain", order_id)

        await until(reserved)
        temporal(stack, "workflow", "terminate", "-w", saga_id, "--reason", "by mistake")

    async def listed() -> bool:
        rows = {load["saga_id"]: load for load in json.loads(stack.saga("stuck", "--json").stdout)}
        return saga_id in rows and rows[saga_id]["kind"] == "ended"

    await until(listed)
    preview = json.loads(done(stack, "reset-preview", order_id, "--json"))
    answers = {step["step"]: step["answer"] for step in preview["steps"]}
    assert answers["reserve_inventory"] == "is answered from its store"
    said = done(stack, "reset-preview", order_id)
    command = re.search(r"temporal (workflow reset -w \S+ --address \S+ --event-id \d+)", said)
    assert command is not None
    temporal(stack, *command[1].split(), "--reason", "let it finish")
    await status(stack, order_id, "confirmed")
