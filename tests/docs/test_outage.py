"""The inventory is down for an hour, and an operator who has nothing but its page gets over it.

It is really down: its process is killed, and whatever the supervisor starts in its place. All that
an hour brings comes in its first quarter: steps give up after five minutes, and what is being
undone, or past its pivot, is blocked after ten. So that this takes half a minute, the stack's code
is changed in these two bounds, and in nothing else. RUNBOOK_OUTAGE is how many seconds it is down;
from FULL on, the code is as it is: `RUNBOOK_OUTAGE=3600` is the hour itself.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import httpx2
import pytest
import pytest_asyncio

from tests.docs.markdown import RUNBOOKS, Block, shell_blocks
from tests.docs.test_commands import run, script, shown_wrong
from tests.docs.test_operating import Shop
from tests.support.other_code import copy_with_changes
from tests.support.stack import Stack, client, frozen, running_stack
from tests.support.waiting import until

PAGE = RUNBOOKS / "outage.md"
FULL = 1000.0  # seconds
BOUNDS = {
    "timedelta(minutes=5)": "timedelta(seconds=20)",
    "timedelta(minutes=10)": "timedelta(seconds=10)",
}
MOST_OPEN = 150  # for all orders below to be admitted, though all get old, and some count twice
PAID = 15  # orders that are at their payment when it goes down, if the machine is quick
NEW = 45  # orders that were just accepted then
UNPAID = 3  # orders whose payment is stuck, all of which but one are cancelled
ENDS = {"confirmed", "timed_out", "cancelled"}


@pytest.fixture(scope="module")
def outage() -> float:
    return float(os.environ.get("RUNBOOK_OUTAGE") or 30)


@pytest_asyncio.fixture(scope="module")
async def stack(outage: float, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """`saga up --topology services`."""
    folder = tmp_path_factory.mktemp("outage")
    environment = {"MOST_OPEN_SAGAS": str(MOST_OPEN)}
    if outage < FULL:
        code = copy_with_changes(folder / "code", ("saga",), "saga/step.py", BOUNDS)
        environment["PYTHONPATH"] = str(code)
    options = ("--topology", "services")
    async with running_stack(folder, workers=1, environment=environment, options=options) as up:
        yield up


@pytest_asyncio.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    opened = Shop(stack)
    await opened.open()
    yield opened
    await opened.close()


@asynccontextmanager
async def down(stack: Stack, name: str) -> AsyncIterator[None]:
    """Kill -9 this process and all that are started in its place; none gets as far as to answer."""

    async def go_on() -> None:
        while True:
            stack.kill(name)
            await asyncio.sleep(0.05)

    killing = asyncio.create_task(go_on())
    try:
        yield
        assert not killing.done(), "it was not kept down"
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)


class Operator:
    """Runs a page's commands, and counts how long that takes."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.took = 0.0

    async def paste(self, blocks: Sequence[Block]) -> str:
        """What they say, in which all that the page shows must occur."""
        began = monotonic()
        said = await asyncio.to_thread(run, self._stack, script(self._stack, list(blocks)))
        took = monotonic() - began
        print(f"{took:.1f} s for the block at line {blocks[0].line}, and after it")
        self.took += took
        assert shown_wrong(list(blocks), said) == {}
        return said


async def test_an_hour_without_inventory_is_got_over_by_its_runbook(
    stack: Stack, shop: Shop, outage: float
) -> None:
    look, *mend = shell_blocks(PAGE)
    operator = Operator(stack)
    before = await shop.pieces()
    paid = await asyncio.gather(*(shop.place("pm_sandbox_slow") for _ in range(PAID)))
    await shop.at(paid[-1], "charge_payment")
    unpaid = await asyncio.gather(*(shop.place("pm_sandbox_down") for _ in range(UNPAID)))
    for order_id in unpaid:
        await shop.at(order_id, "charge_payment")
    async with AsyncExitStack() as calamity:
        # Cancelled at once, since a charge soon gives up; and while the provider keeps quiet, so
        # that none gets as far as to release its stock before the inventory is down.
        with frozen(stack, "provider"):
            for order_id in unpaid[1:]:
                await shop.cancel(order_id)
            with frozen(stack, "worker-1"):
                new = await asyncio.gather(*(shop.place() for _ in range(NEW)))
                await calamity.enter_async_context(down(stack, "inventory-1"))
                began = monotonic()
        await until(lambda: admission_is_slower(stack), within=30)
        await until(lambda: alerted(stack), within=30)
        said = await operator.paste([look])
        assert re.search(r'"inventory_service":"(Unavailable|CircuitOpen)', said), said
        assert "Held in stock: not known, since inventory does not answer." in said
        await refused(stack, shop)
        await asyncio.sleep(outage - (monotonic() - began))
        await until(lambda: one_is_blocked(stack), within=120)
        said = await operator.paste([look])
        assert " is blocked: " in said
    await operator.paste(mend)
    found = Counter([await shop.status(item) for item in (*paid, *unpaid, *new)])
    print(f"inventory down for {outage:g} s; {dict(found)}; {operator.took:.1f} s of commands")
    assert set(found) == ENDS
    sold = 2 * found["confirmed"]
    assert await shop.pieces() == {**before, "available": before["available"] - sold, "sold": sold}


async def admission_is_slower(stack: Stack) -> bool:
    """Whether it has been halved so often that what is open is too much."""
    return 0 < await metric(stack, "saga_admission_window") < MOST_OPEN // 2


async def alerted(stack: Stack) -> bool:
    """Whether `ServiceDown` has something to tell."""
    name = 'saga_breaker_state{dependency="inventory_service",state="%s"}'
    return 1 in [await metric(stack, name % key) for key in ("open", "half_open")]


async def one_is_blocked(stack: Stack) -> bool:
    """Whether a step has used up its patience by now, as operators find it."""
    async with client(stack) as http:
        found = await http.get("/v1/sagas", params={"state": "blocked"})
    return found.is_success and bool(found.json()["items"])


async def metric(stack: Stack, name: str) -> float:
    """A sample, by its name and labels as they are served; 0 if it is not there."""
    async with client(stack) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)


async def refused(stack: Stack, shop: Shop) -> None:
    """A new order is told to come later."""
    with pytest.raises(httpx2.HTTPStatusError) as caught:
        await shop.place()
    assert caught.value.response.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) >= 1
