"""Deploying a new version, as its pages tell it: workers of two versions, and code that differs."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from json import loads
from pathlib import Path

import pytest
import pytest_asyncio

from tests.docs.markdown import ROOT, RUNBOOKS, shell_blocks
from tests.docs.test_commands import pasted, run, script, shown_wrong
from tests.docs.test_operating import Shop, shell
from tests.support.other_code import copy_with_changes
from tests.support.stack import SAGA, Stack, running_stack
from tests.support.waiting import until

ROLLOUT = ROOT / "docs/rollout.md"
CODE = ("activities", "contracts", "infrastructure", "saga", "services", "workers", "workflows")
ENDING = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"  # of what a page leaves running
FORWARD = "outcome = await self._run(PLACING)\n"
USER = "VALIDATE, "
MOVE = (
    "temporal workflow update-options -w $SAGA --versioning-override-behavior pinned "
    "--versioning-override-deployment-name orders --versioning-override-build-id swapped"
)
STOCK = "RESERVE, "


@pytest_asyncio.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Its workers are version 1, and its API works on nothing."""
    folder = tmp_path_factory.mktemp("rollout")
    version = {"TEMPORAL_WORKER_BUILD_ID": "1"}
    async with running_stack(folder, environment=version, options=("--separate",)) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    opened = Shop(stack)
    await opened.open()
    yield opened
    await opened.close()


def paste(stack: Stack, document: Path) -> None:
    """Run all of a page's commands in one shell; each must say what is shown."""
    blocks = [block for block in shell_blocks(document) if pasted(block)]
    assert shown_wrong(blocks, run(stack, ENDING + script(stack, blocks))) == {}


def saga(
    stack: Stack, *arguments: str, code: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A `saga` command, as somebody has it whose code is in this folder."""
    return subprocess.run(
        [str(SAGA), *arguments],
        cwd=stack.state_dir.parent,
        env={**os.environ, **({"PYTHONPATH": str(code)} if code else {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def another(folder: Path, old: str, new: str) -> Path:
    """A copy of the code in which the order saga is another one."""
    return copy_with_changes(folder, CODE, "workflows/place_order.py", {old: new})


@contextmanager
def worker(stack: Stack, build_id: str, code: Path) -> Iterator[None]:
    """A worker of that code beside the stack; killed at the end."""
    process = subprocess.Popen(
        [str(SAGA), "worker", "--build-id", build_id],
        cwd=stack.state_dir.parent,
        env={**os.environ, "PYTHONPATH": str(code)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_the_page_can_be_pasted(stack: Stack) -> None:
    paste(stack, ROLLOUT)


async def test_code_that_open_sagas_would_not_survive_is_found_before_it_is_deployed(
    stack: Stack, shop: Shop, tmp_path: Path
) -> None:
    saga(stack, "deploy", "promote", "1")
    order_id = await shop.place("pm_sandbox_down")
    await shop.at(order_id, "charge_payment")
    swapped = another(tmp_path, USER + STOCK, STOCK + USER)

    async def differs() -> bool:  # once visibility lists it
        found = saga(stack, "deploy", "check", code=swapped)
        return found.returncode == 1 and order_id in found.stdout

    await until(differs, within=60)
    said = saga(stack, "deploy", "check", code=swapped).stdout
    # What is recorded of the stretch is of other steps, so this code would ask for them one by one.
    assert "No command scheduled for event HistoryEvent(id: " in said
    assert "workflow.patched" in said
    assert saga(stack, "deploy", "check").returncode == 0
    await shop.cancel(order_id)
    await shop.becomes(order_id, "cancelled")


async def test_a_broken_deploy_is_resolved_by_its_runbook(
    stack: Stack, shop: Shop, tmp_path: Path
) -> None:
    saga(stack, "deploy", "promote", "1")
    with worker(stack, "hasty", another(tmp_path, FORWARD, "raise KeyError('a bug')\n")):
        await known(stack, "hasty")
        hasty = ("--steps", "100", "--for", "0", "--orders", "0")
        assert saga(stack, "deploy", "promote", "hasty", *hasty).returncode == 0
        orders = [await shop.place() for _ in range(3)]

        async def stuck() -> bool:
            return all(
                order in saga(stack, "stuck", "--older-than", "1").stdout for order in orders
            )

        await until(stuck, within=60)
        paste(stack, RUNBOOKS / "deploy.md")
        for order_id in orders:
            await shop.becomes(order_id, "confirmed")


async def test_sagas_that_new_code_does_not_repeat_are_taken_back_by_the_same_runbook(
    stack: Stack, shop: Shop, tmp_path: Path
) -> None:
    """Somebody has open sagas go on with code whose steps are in another order."""
    saga(stack, "deploy", "promote", "1")
    with worker(stack, "swapped", another(tmp_path, USER + STOCK, STOCK + USER)):
        await known(stack, "swapped")
        order_id = await shop.place("pm_sandbox_refund_refused")  # it is long at its charge
        await shop.at(order_id, "charge_payment")
        shell(stack, MOVE, SAGA=f"order-{order_id}")

        async def stuck() -> bool:
            said = saga(stack, "stuck", "--older-than", "1", "--json").stdout
            return any(
                load["kind"] == "problem" and order_id in load["saga_id"] for load in loads(said)
            )

        await until(stuck, within=60)
        hasty = ("--steps", "100", "--for", "0", "--orders", "0")
        saga(stack, "deploy", "promote", "swapped", *hasty)
        paste(stack, RUNBOOKS / "deploy.md")
        await shop.becomes(order_id, "confirmed")


async def known(stack: Stack, build_id: str) -> None:
    """Until Temporal has heard of the workers of this version, on all queues."""

    async def so() -> bool:
        return f"\n{build_id}: " in saga(stack, "deploy", "status").stdout

    await until(so, within=60)
