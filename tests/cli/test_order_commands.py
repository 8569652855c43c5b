"""`saga order` on a real stack."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest_asyncio
from temporalio.client import Client

from cli.exit_codes import ExitCode
from contracts.names import workflow_id
from tests.support.stack import SAGA, Stack, until_healed


@pytest_asyncio.fixture(scope="module")
async def seeded(stack: Stack) -> dict[str, str]:
    """A customer and a product."""
    with httpx2.Client(base_url=stack.api, headers=stack.bearer()) as http:
        user = http.post("/v1/users", json={"name": "Ada", "email": "ada@example.com"}).json()
        price = {"minor": 1250, "currency": "EUR"}
        product = {"sku": "SHELL-1", "name": "Thing", "price": price, "stock": 100}
        http.post("/v1/products", json=product).raise_for_status()
    return {"customer": user["id"], "sku": "SHELL-1"}


def place(stack: Stack, seeded: dict[str, str], *options: str) -> dict[str, Any]:
    item = f"{seeded['sku']}=2"
    done = stack.saga("order", "place", item, "--customer", seeded["customer"], "--json", *options)
    assert done.returncode == 0, done.stderr
    order: dict[str, Any] = json.loads(done.stdout)
    return order


async def test_place_and_wait_until_confirmed(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded, "--wait")
    assert (order["status"], order["total"]["minor"]) == ("confirmed", 2500)


async def test_an_order_begins_in_the_api_with_its_start(
    stack: Stack, seeded: dict[str, str]
) -> None:
    order = place(stack, seeded, "--wait")
    client = await Client.connect(stack.state.environment["TEMPORAL_ADDRESS"])
    handle = client.get_workflow_handle(workflow_id(order["id"]))
    first, *others = (await handle.fetch_history()).events
    assert first.workflow_execution_started_event_attributes.eager_execution_accepted
    began = next(
        other for other in others if other.HasField("workflow_task_started_event_attributes")
    )
    assert began.workflow_task_started_event_attributes.identity == "api"
    assert "temporal_" in httpx2.get(stack.state.urls["api_metrics"]).text


async def test_the_same_key_is_the_same_order(stack: Stack, seeded: dict[str, str]) -> None:
    first, again = (place(stack, seeded, "--key", "shell-1")["id"] for _ in range(2))
    assert first == again


async def test_show_tells_order_and_saga(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded, "--wait")
    shown = json.loads(stack.saga("order", "show", order["id"], "--json").stdout)
    assert (shown["status"], shown["saga"]["state"]) == ("confirmed", "completed")
    for_people = stack.saga("order", "show", order["id"]).stdout
    assert "charge_payment" in for_people
    assert "25.00 EUR" in for_people


async def test_list_finds_the_customers_orders(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded, "--wait")
    listing = ("order", "list", "--customer", seeded["customer"])
    page = json.loads(stack.saga(*listing, "--status", "confirmed", "--json").stdout)
    assert order["id"] in {item["id"] for item in page["items"]}
    assert order["id"] in stack.saga(*listing).stdout


async def test_accounts_are_listed_page_by_page_and_without_who_they_are(stack: Stack) -> None:
    ada, bob = (
        json.loads(stack.saga("user", "add", name, f"{name}@example.com", "--json").stdout)["id"]
        for name in ("Ada", "Bob")
    )
    stack.saga("user", "deactivate", bob)
    newest = stack.saga("user", "list", "--limit", "1").stdout
    assert (bob in newest, ada in newest, "closed" in newest) == (True, False, True)
    (line,) = re.findall("^more: saga (user list --cursor .+)$", newest, re.MULTILINE)
    before = stack.saga(*line.split(), "--limit", "1").stdout
    assert (ada in before, "active" in before, "Ada" in before) == (True, True, False)


async def test_cancel_in_flight(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded, "--payment-method", "pm_sandbox_down")
    done = stack.saga("order", "cancel", order["id"], "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "cancelled"


async def test_cancel_too_late_is_an_error_in_words(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded, "--wait")
    done = stack.saga("order", "cancel", order["id"])
    assert done.returncode == ExitCode.REFUSED
    assert "too_late_to_cancel" in done.stderr


async def test_return_and_wait_until_returned(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded, "--wait")
    for _ in range(2):
        done = stack.saga("order", "return", order["id"], "--wait", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["status"] == "returned"
    assert "returned" in stack.saga("order", "show", order["id"]).stdout


async def test_return_of_an_order_that_is_not_confirmed_is_an_error_in_words(
    stack: Stack, seeded: dict[str, str]
) -> None:
    order = place(stack, seeded, "--wait", "--payment-method", "pm_card_visa_chargeDeclined")
    done = stack.saga("order", "return", order["id"], "--wait")
    assert done.returncode == ExitCode.REFUSED
    assert "not_returnable" in done.stderr


async def test_with_saga_token_a_customer_sees_its_own_orders_only(
    stack: Stack, seeded: dict[str, str]
) -> None:
    order = place(stack, seeded, "--wait")
    mine, another = (
        stack.saga("token", "--customer", item).stdout.strip()
        for item in (seeded["customer"], "usr_another")
    )
    assert order["id"] in stack.saga("order", "list", token=mine).stdout
    assert order["id"] not in stack.saga("order", "list", token=another).stdout
    refused = stack.saga("order", "show", order["id"], token=another)
    assert (refused.returncode, "unknown_order" in refused.stderr) == (4, True)


async def test_an_order_is_watched_to_its_end(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded)
    told = stack.saga("order", "watch", order["id"], "--json").stdout.splitlines()
    assert [json.loads(line)["type"] for line in told] == [
        "OrderPlaced",
        "ItemAdded",
        "OrderConfirmed",
    ]
    mine = stack.saga("token", "--customer", seeded["customer"]).stdout.strip()
    assert "OrderConfirmed" in stack.saga("order", "watch", order["id"], token=mine).stdout
    refused = stack.saga("order", "watch", token=mine)
    assert (refused.returncode, "insufficient_scope" in refused.stderr) == (4, True)


async def test_watching_goes_on_when_the_api_was_killed(
    stack: Stack, seeded: dict[str, str]
) -> None:
    slow = place(stack, seeded, "--payment-method", "pm_sandbox_slow")
    watching = await asyncio.create_subprocess_exec(
        *(SAGA, "order", "watch", slow["id"], "--json"),
        cwd=stack.state_dir.parent,
        stdout=asyncio.subprocess.PIPE,
    )
    assert watching.stdout is not None
    async with asyncio.timeout(30):
        first = await watching.stdout.readline()
        stack.kill("api")
        told = [json.loads(row) for row in (first, *(await watching.stdout.read()).splitlines())]
        assert await watching.wait() == 0
    await until_healed(stack)
    assert [line["type"] for line in told] == ["OrderPlaced", "ItemAdded", "OrderConfirmed"]


async def test_a_token_of_another_issuer_is_told_so(stack: Stack) -> None:
    done = stack.saga("order", "list", token="of.somebody.else")
    assert done.returncode == ExitCode.REFUSED
    assert "invalid_token" in done.stderr
    assert "SAGA_TOKEN" in done.stderr


async def test_a_folder_that_has_no_token_is_told_whose_stack_it_is(
    stack: Stack, tmp_path: Path
) -> None:
    done = subprocess.run(  # noqa: ASYNC221 - nothing else happens meanwhile
        [SAGA, "order", "list", "--url", stack.api],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.REFUSED
    assert f"cd {stack.state_dir.parent}" in done.stderr


async def test_errors_name_the_field(stack: Stack, seeded: dict[str, str]) -> None:
    done = stack.saga("order", "place", "NOPE=1", "--customer", seeded["customer"])
    assert done.returncode == ExitCode.REFUSED
    assert "/items/0/sku" in done.stderr


async def test_a_sku_given_twice_is_refused(stack: Stack, seeded: dict[str, str]) -> None:
    twice = ("SHELL-1=1", "SHELL-1=2")
    done = stack.saga("order", "place", *twice, "--customer", seeded["customer"])
    assert done.returncode == 2
    assert "twice" in done.stderr


async def test_the_link_leads_to_this_stacks_web_ui(stack: Stack, seeded: dict[str, str]) -> None:
    order = place(stack, seeded, "--wait")
    shown = json.loads(stack.saga("order", "show", order["id"], "--json").stdout)
    link = shown["saga"]["links"]["temporal_ui"]
    assert link.startswith(stack.state.urls["temporal_ui"])
    assert httpx2.get(link).status_code == 200
