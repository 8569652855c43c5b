"""The operators' pages: their commands run, and each does to an order what its page says."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.docs.markdown import OPERATING, RUNBOOKS, Block, shell_blocks, table_rows
from tests.docs.test_commands import MARK, missing, run, script
from tests.support.shell import bash
from tests.support.stack import Stack, running_stack
from tests.support.waiting import until

PROGRAMS = Path(sys.executable).parent
TCTL = "github.com/temporalio/tctl/cmd/tctl@v1.18.4"
CODE = re.compile(r"`([^`]+)`")
ROWS = {row[0]: row[1:] for row in table_rows(OPERATING) if len(row) == 4}
TASKS = [row for row in ROWS if row not in {"to", "---"}]


@pytest_asyncio.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("operating")) as running:
        yield running


@pytest.fixture(scope="module")
def tctl(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program `tctl`: that of the machine, or else installed by Go."""
    if found := shutil.which("tctl"):
        return found
    if (go := shutil.which("go")) is None:
        pytest.skip("tctl is not tested: neither it nor Go is on this machine")
    place = tmp_path_factory.mktemp("tctl")
    built = subprocess.run(
        [go, "install", TCTL],
        env={**os.environ, "GOBIN": str(place)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if built.returncode != 0:
        pytest.skip(f"tctl is not tested: go install {TCTL} failed: {built.stderr[-300:]}")
    return str(place / "tctl")


class Shop:
    """A customer and a product, and orders of them."""

    def __init__(self, stack: Stack) -> None:
        self._http = httpx2.AsyncClient(base_url=stack.api, headers=stack.bearer(), timeout=30)
        self._placed = 0
        self._names: dict[str, str] = {}

    async def open(self) -> None:
        body = {"name": "Ada", "email": "ada@example.com"}
        user = (await self._http.post("/v1/users", json=body)).json()
        price = {"minor": 900, "currency": "EUR"}
        product = {"sku": "SHOP-1", "name": "Rope", "price": price, "stock": 1000}
        (await self._http.post("/v1/products", json=product)).raise_for_status()
        self._customer = user["id"]

    def go_on_from(self, earlier: "Shop") -> None:
        """The same customer and product, of a stack that was started again."""
        self._placed, self._customer = earlier._placed, earlier._customer

    async def place(self, method: str = "pm_card_visa", **headers: str) -> str:
        self._placed += 1
        body = {
            "customer_id": self._customer,
            "items": [{"sku": "SHOP-1", "quantity": 2}],
            "payment_method": method,
        }
        headers["Idempotency-Key"] = f"shop-{self._placed}"
        answer = await self._http.post("/v1/orders", json=body, headers=headers)
        order_id: str = answer.raise_for_status().json()["id"]
        return order_id

    async def cancel(self, order_id: str) -> None:
        (await self._http.post(f"/v1/orders/{order_id}/cancel")).raise_for_status()

    async def status(self, order_id: str) -> str:
        return str((await self._http.get(f"/v1/orders/{order_id}")).json()["status"])

    async def becomes(self, order_id: str, *statuses: str) -> None:
        async def so() -> bool:
            return await self.status(order_id) in statuses

        await until(so, within=60)

    async def at(self, order_id: str, step: str) -> None:
        """Until this step of the order is under way."""

        async def so() -> bool:
            saga = (await self._http.get(f"/v1/orders/{order_id}/saga")).json()
            states = {row["name"]: row["state"] for row in saga["steps"]}
            return str(states[step]) == "running"

        await until(so)

    async def pieces(self) -> dict[str, int]:
        product: dict[str, Any] = (await self._http.get("/v1/products/SHOP-1")).json()
        return {name: product[name] for name in ("available", "reserved", "sold")}

    async def close(self) -> None:
        await self._http.aclose()


@pytest_asyncio.fixture(scope="module")
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    opened = Shop(stack)
    await opened.open()
    yield opened
    await opened.close()


def command(task: str, column: int) -> str:
    """A task's command in the table; column 0 is tctl, 1 is temporal."""
    found = CODE.findall(ROWS[task][column])
    assert found, f"{task}: no command"
    return str(found[0])


def shell(stack: Stack, text: str, **variables: str) -> str:
    """What a command says, in the stack's folder; it must succeed."""
    temporal = stack.state.urls["temporal"]
    environ = {
        **os.environ,
        **variables,
        "TEMPORAL_ADDRESS": temporal,
        "TEMPORAL_CLI_ADDRESS": temporal,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
    }
    done = bash(text, cwd=stack.state_dir.parent, env=environ, within=60)
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


async def does_what_it_says(
    stack: Stack, shop: Shop, task: str, run_it: Callable[..., str]
) -> None:
    """Run a row's command on an order of its own; the order must come to what the row says."""
    ended = await shop.place(Prefer="wait=20")
    await shop.becomes(ended, "confirmed")
    at_work = await shop.place("pm_sandbox_down")
    await shop.at(at_work, "charge_payment")
    await found_by_visibility(stack, ended, at_work)
    before = await shop.pieces()
    run_it(ORDER_ID=ended, STUCK_ID=at_work)
    if task in {"signal", "update", "cancel", "cancel many"}:
        await shop.becomes(at_work, "cancelled")
    elif task == "terminate":
        assert await shop.status(at_work) == "pending"
        assert await shop.pieces() == before  # nothing is undone
        reset = "temporal workflow reset -w order-$STUCK_ID -t FirstWorkflowTask --reason repair"
        shell(stack, reset, STUCK_ID=at_work)
        await shop.at(at_work, "charge_payment")
    elif task in {"reset", "reset many"}:
        shell(stack, "temporal workflow result -w order-$ORDER_ID", ORDER_ID=ended)
    if await shop.status(at_work) != "cancelled":
        shell(stack, "temporal workflow cancel -w order-$STUCK_ID", STUCK_ID=at_work)
        await shop.becomes(at_work, "cancelled")
    assert await shop.status(ended) == "confirmed"
    after = await shop.pieces()  # all of the cancelled one is back, and the other one's are sold
    assert after == {**before, "available": before["available"] + 2, "reserved": 0}


async def found_by_visibility(stack: Stack, *orders: str) -> None:
    async def so() -> bool:
        listed = shell(stack, "temporal workflow list --limit 1000")
        return all(order in listed for order in orders)

    await until(so)


@pytest.mark.parametrize("task", TASKS)
async def test_temporal_does_what_the_table_says(stack: Stack, shop: Shop, task: str) -> None:
    text = command(task, 1)
    await does_what_it_says(stack, shop, task, lambda **ids: shell(stack, text, **ids))


@pytest.mark.parametrize("task", [task for task in TASKS if CODE.search(ROWS[task][0])])
async def test_tctl_does_what_the_table_says(
    stack: Stack, shop: Shop, tctl: str, task: str
) -> None:
    text = command(task, 0).replace("tctl ", f"{tctl} ", 1)
    await does_what_it_says(stack, shop, task, lambda **ids: shell(stack, text, **ids))


async def test_a_history_that_tctl_saved_replays(stack: Stack, shop: Shop, tctl: str) -> None:
    order_id = await shop.place(Prefer="wait=20")
    await shop.becomes(order_id, "confirmed")
    shell(stack, command("save", 0).replace("tctl ", f"{tctl} ", 1), ORDER_ID=order_id)
    assert "1 replayed, 0 differ" in shell(stack, "saga replay history.json")


async def test_the_guide_can_be_pasted(stack: Stack) -> None:
    paste(stack, OPERATING)


async def test_a_refused_refund_is_resolved_by_its_runbook(stack: Stack, shop: Shop) -> None:
    order_id = await shop.place("pm_sandbox_refund_refused")
    await shop.at(order_id, "charge_payment")
    await shop.cancel(order_id)
    await shop.becomes(order_id, "blocked")
    await listed(stack, order_id)
    before = await shop.pieces()
    names = {"SAGA_ID": f"order-{order_id}", "STEP": "charge_payment"}
    paste(stack, RUNBOOKS / "blocked.md", ORDER_ID=order_id, **names)
    await shop.becomes(order_id, "cancelled")
    assert await shop.pieces() == before  # the stock was back while the refund was blocked
    assert "no saga is stuck" in shell(stack, "saga stuck || true")


async def test_a_terminated_order_is_repaired_by_its_runbook(stack: Stack, shop: Shop) -> None:
    before = await shop.pieces()
    order_id = await shop.place("pm_sandbox_refund_refused")  # it takes long after it has charged
    await shop.at(order_id, "charge_payment")
    assert await charged(stack, order_id)
    shell(stack, f"temporal workflow terminate -w order-{order_id} --reason mistake")
    await listed(stack, order_id)
    paste(stack, RUNBOOKS / "terminated.md", ORDER_ID=order_id)
    expected = {
        "available": before["available"] - 2,
        "sold": before["sold"] + 2,
        "reserved": before["reserved"],
    }
    await until(lambda: pieces_are(shop, expected))


@pytest.mark.parametrize("page", ["storm", "workers", "events", "api", "process"])
async def test_the_commands_of_a_runbook_work_on_a_stack_that_is_well(
    stack: Stack, page: str
) -> None:
    paste(stack, RUNBOOKS / f"{page}.md")


async def test_a_paused_activity_goes_on_by_its_runbook(stack: Stack, shop: Shop) -> None:
    order_id = await shop.place("pm_sandbox_down")
    which = f"-w order-{order_id}"
    ids: list[str] = []

    async def is_retried() -> bool:
        told = json.loads(shell(stack, f"temporal workflow describe {which} -o json"))
        ids[:] = [each["activityId"] for each in told.get("pendingActivities", ())]
        return bool(ids)

    await until(is_retried)
    shell(stack, f"temporal activity pause {which} --activity-id {ids[0]}")
    await until(lambda: says_paused(stack, order_id))
    paste(stack, RUNBOOKS / "paused.md", ORDER_ID=order_id, ACTIVITY_ID=ids[0])
    await shop.cancel(order_id)
    await shop.becomes(order_id, "cancelled")


async def says_paused(stack: Stack, order_id: str) -> bool:
    said = shell(stack, "saga stuck --older-than 0 || true")
    return f"order-{order_id} paused_activity" in said


async def test_money_at_stake_is_found_by_its_runbook(stack: Stack, shop: Shop) -> None:
    order_id = await shop.place("pm_sandbox_refund_refused")
    await shop.at(order_id, "charge_payment")
    paste(stack, RUNBOOKS / "at-stake.md", ORDER_ID=order_id)
    await shop.becomes(order_id, "confirmed")


async def test_money_without_an_order_goes_back_by_its_runbook(stack: Stack) -> None:
    """Somebody who has the provider's key charged for an order of which nothing here knows.

    No audit gives back what it cannot judge: a person does, at the provider, as the page says.
    """
    look, mend, done = shell_blocks(RUNBOOKS / "ledger.md")
    stray = {"amount": 700, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    about = {"metadata[order_id]": "ord_stray", "metadata[saga_id]": "order-ord_stray"}
    async with provider(stack) as http:
        made = await http.post("/v1/payment_intents", data=stray | about)
        intent_id = made.raise_for_status().json()["id"]
        said = pasted(stack, [look, mend])
        assert f"order-ord_stray: {intent_id} is unrecorded: a person has to see to it" in said
        refunded = await http.post("/v1/refunds", data={"payment_intent": intent_id})
        refunded.raise_for_status()
        pasted(stack, [done])
        ledger = (await http.get("/ledger", params={"order": "ord_stray"})).json()
    assert (ledger["captured"], ledger["refunded"]) == ({"eur": 700}, {"eur": 700})


def provider(stack: Stack) -> httpx2.AsyncClient:
    """A client of the payment provider."""
    key = json.loads((stack.state_dir / "secrets.json").read_text())["provider_key"]
    bearer = {"Authorization": f"Bearer {key}"}
    return httpx2.AsyncClient(base_url=stack.state.urls["provider"], headers=bearer)


async def charged(stack: Stack, order_id: str) -> bool:
    """Whether money of the order was captured."""
    async with provider(stack) as http:
        return bool((await http.get("/ledger", params={"order": order_id})).json()["captured"])


async def pieces_are(shop: Shop, expected: dict[str, int]) -> bool:
    return await shop.pieces() == expected


async def listed(stack: Stack, order_id: str) -> None:
    """Until visibility has it."""

    async def so() -> bool:
        return order_id in shell(stack, "saga stuck --json || true")

    await until(so)


def paste(stack: Stack, document: Path, **variables: str) -> None:
    """Run all of a page's commands; each must say what is shown."""
    pasted(stack, shell_blocks(document), **variables)


def pasted(stack: Stack, blocks: Sequence[Block], **variables: str) -> str:
    """What these commands say."""
    given = "".join(f"{name}={value}\n" for name, value in variables.items())
    output = run(stack, given + script(stack, list(blocks)))
    said = dict(part.split("\n", 1) for part in output.split(f"\n{MARK}")[1:])
    for block in blocks:
        line = missing(block.shows, said[str(block.line)])
        assert line is None, f"line {block.line}: {line!r} not in {said[str(block.line)]}"
    return output
