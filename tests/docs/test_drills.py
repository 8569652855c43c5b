"""Each drill is solved by the commands of its page alone, and put back for whoever gives up."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from cli.drill.drill import Drill
from cli.drill.drills import DRILLS
from cli.drill.incident import FILE, read
from cli.drill.outage import PROVIDER_DOWN
from cli.drill.practice_stack import PracticeStack
from cli.drill.processes import end_process
from cli.main import app
from local_stack.errors import StackError
from local_stack.state.state_file import StackState
from tests.docs.markdown import ROOT, shell_blocks
from tests.docs.test_commands import run, script, shown_wrong
from tests.support.stack import Stack, running_stack

PRACTISING = ROOT / "docs/practising.md"
# Which of a page's blocks solve a drill; all of them, if nothing else is said. A refund that is
# made when it is asked for again needs nobody's word, and the page says so.
RETRY = (0, 1, 3)
BLOCKS = {"refused-refund": RETRY, "stuck-stock": RETRY}


@pytest_asyncio.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("drills"), workers=1) as running:
        yield running


@dataclass(frozen=True)
class Said:
    """What a command of ours said, and its exit code."""

    code: int
    text: str


async def saga(stack: Stack, *words: str) -> Said:
    """`saga drill …` of this stack, in this process, which has loaded all of it already."""
    arguments = ["drill", *words, "--state-dir", str(stack.state_dir)]
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.output)


async def begin(stack: Stack, drill: Drill) -> str:
    """Make the incident; its order's id, as the command tells it."""
    said = await saga(stack, "start", drill.name)
    assert said.code == 0, said.text
    assert f"Open {drill.page}" in said.text
    found = re.search(r"^ORDER_ID=(ord_\w+)$", said.text, re.MULTILINE)
    assert found, said.text
    return found[1]


def find_names(stack: Stack) -> dict[str, str]:
    """What a page's `$STEP` and `$SAGA_ID` are, as `saga stuck` tells them of what is blocked."""
    listed = json.loads(run(stack, "saga stuck --json || true"))
    advice = [re.search(r"saga resolve (\w+) (\S+)", row["advice"]) for row in listed]
    (found,) = filter(None, advice)
    return {"STEP": found[1], "SAGA_ID": found[2]}


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
async def test_a_drill_is_solved_by_the_commands_of_its_page(stack: Stack, drill: Drill) -> None:
    order_id = await begin(stack, drill)
    recovers = drill is PROVIDER_DOWN  # by itself, which is not waited for here
    if not recovers:
        early = await saga(stack, "check", drill.name)
        assert (early.code, "✗" in early.text) == (1, True), early.text
    blocks = shell_blocks(ROOT / drill.page)
    chosen = [blocks[number] for number in BLOCKS.get(drill.name, range(len(blocks)))]
    names = {"ORDER_ID": order_id}
    if any("$SAGA_ID" in block.commands for block in chosen):
        names |= await asyncio.to_thread(find_names, stack)
    given = "".join(f"{name}={value}\n" for name, value in names.items())
    if recovers:
        await asyncio.to_thread(run, stack, given + script(stack, chosen[:1]))
        made = read(stack.state_dir)
        assert made is not None
        await asyncio.to_thread(end_process, made)
    await asyncio.to_thread(run, stack, given + script(stack, chosen))
    late = await saga(stack, "check")
    assert (late.code, "✗" in late.text) == (0, False), late.text
    assert ("settled by hand: " + order_id in late.text) == drill.by_hand
    assert "the audit: nothing is left; it adds up" in late.text
    assert not (stack.state_dir / FILE).exists()


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
async def test_a_drill_is_put_back_for_whoever_gives_up(stack: Stack, drill: Drill) -> None:
    await begin(stack, drill)
    with pytest.raises(StackError, match="is under way"):
        await saga(stack, "start", drill.name)
    said = await saga(stack, "stop")
    assert said.code == 0, said.text
    assert not (stack.state_dir / FILE).exists()
    with pytest.raises(StackError, match="no drill is under way"):
        await saga(stack, "check")


async def test_the_page_on_practising_can_be_pasted(stack: Stack) -> None:
    blocks = shell_blocks(PRACTISING)
    said = await asyncio.to_thread(run, stack, script(stack, blocks))
    assert shown_wrong(blocks, said) == {}


async def test_drills_are_listed_with_their_pages(stack: Stack) -> None:
    said = await asyncio.to_thread(CliRunner().invoke, app, ["drill"], None, {"COLUMNS": "200"})
    for drill in DRILLS:
        assert re.search(rf"^{drill.name} .*{drill.page}", said.output, re.MULTILINE), said.output
        assert (ROOT / drill.page).exists()


async def test_the_books_add_up_after_all_that(stack: Stack) -> None:
    assert "It adds up." in await asyncio.to_thread(run, stack, "saga audit --grace 0")


async def test_a_stack_that_is_partly_elsewhere_is_refused(stack: Stack) -> None:
    elsewhere = {**stack.state.environment, "TEMPORAL_ADDRESS": "temporal.example.com:7233"}
    state: StackState = stack.state.model_copy(update={"environment": elsewhere})
    with pytest.raises(StackError, match="TEMPORAL_ADDRESS is at temporal"):
        PracticeStack(state, stack.state_dir)
