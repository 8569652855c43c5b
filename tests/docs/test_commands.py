"""The documents' commands, pasted one after the other into one shell beside a fresh stack."""

import os
import re
import sys
from pathlib import Path
from shutil import which

import pytest

from tests.docs.markdown import (
    AUTHENTICATION,
    CONSOLE,
    ERRORS,
    GATEWAY,
    LOCAL_STACK,
    METRICS,
    README,
    TUTORIAL,
    Block,
    shell_blocks,
)
from tests.support.ports import free_port
from tests.support.shell import bash
from tests.support.stack import Stack, running_stack

PROGRAMS = Path(sys.executable).parent
BOUND = 600  # seconds after which a page hangs; how long it takes is no test's matter
MARK = "@@ line "

# What is not pasted, and why.
NOT_PASTED = {
    re.compile(r"make \w+$"): "its target is looked up instead; it sets up what this test runs in",
    re.compile(
        r"(\w+=\S+ )*saga up( --separate)?$"
    ): "stays until Ctrl-C; the stack of this test is its proof",
}


def pasted(block: Block) -> bool:
    """Whether the block is for pasting here; those that are not hold nothing else."""
    return not any(pattern.fullmatch(block.commands.strip()) for pattern in NOT_PASTED)


def script(stack: Stack, blocks: list[Block]) -> str:
    """All blocks, for the ports of this stack; the first command that fails ends it."""
    lines = [
        "set -euo pipefail",
        # As a user has it whose Temporal is on its usual port.
        f'temporal() {{ TEMPORAL_ADDRESS={stack.state.urls["temporal"]} command temporal "$@"; }}',
    ]
    for block in blocks:
        lines += [f"echo; echo '{MARK}{block.line}'", block.commands]
    text = "\n".join(lines)
    for place, ours in usual_ports(stack).items():
        text = text.replace(place, ours)
    return text


def usual_ports(stack: Stack) -> dict[str, str]:
    """Where the pages say that something is, and where it is in this stack."""
    ports = stack.state.ports
    usual = {
        8000: ports.api,
        8080: ports.gateway,
        8233: ports.temporal_ui,
        8234: ports.codec,
        8420: ports.provider,
        9000: free_port(),  # a receiver of webhooks
        9100: ports.metrics_base,
    }
    return {f"127.0.0.1:{port}": f"127.0.0.1:{ours}" for port, ours in usual.items()}


def run(stack: Stack, text: str) -> str:
    """Run it where `saga up` was run; what it said. Fails if a command did."""
    environ = {
        name: variable
        for name, variable in os.environ.items()
        if not name.startswith(("SAGA", "TEMP"))
    }
    environ |= {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "COLUMNS": "80"}
    done = bash(text, cwd=stack.state_dir.parent, env=environ, within=BOUND)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def missing(shown: tuple[str, ...], said: str) -> str | None:
    """The first shown line that was not said, after those before it; `…` is anything."""
    for line in shown:
        pieces = (re.escape(piece) for piece in line.strip().split("…"))
        found = re.search(r"[^\n]*?".join(pieces), said)
        if found is None:
            return line
        said = said[found.end() :]
    return None


def shown_wrong(blocks: list[Block], output: str) -> dict[int, dict[str, str]]:
    """By line of the document: what is shown there and was not said."""
    said = dict(part.split("\n", 1) for part in output.split(f"\n{MARK}")[1:])
    return {
        block.line: {"not said": line, "said": said[str(block.line)]}
        for block in blocks
        if (line := missing(block.shows, said[str(block.line)]))
    }


# In this order, each in a shell of its own. The last one's last command removes the stack.
PAGES = (AUTHENTICATION, GATEWAY, METRICS, CONSOLE, README, TUTORIAL, ERRORS, LOCAL_STACK)


@pytest.mark.skipif(which("curl") is None, reason="the commands need curl")
async def test_the_pages_can_be_pasted_from_top_to_bottom(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        usual = usual_ports(stack)
        for page in PAGES:
            chosen = [block for block in shell_blocks(page) if pasted(block)]
            assert chosen, page
            output = run(stack, script(stack, chosen))
            for place, ours in usual.items():
                output = output.replace(ours, place)
            assert shown_wrong(chosen, output) == {}, page
        assert not stack.state_dir.exists()


def test_few_commands_are_not_pasted() -> None:
    blocks = [block for page in PAGES for block in shell_blocks(page)]
    assert [block.commands.strip() for block in blocks if not pasted(block)] == [
        "GATEWAY_RATE_PER_SECOND=200 GATEWAY_RATE_BURST=400 saga up",
        "make run",
        "make test",
        "TEMPORAL_ADDRESS=temporal.example.com:7233 saga up",
    ]


def test_output_that_is_not_as_shown_is_noticed() -> None:
    said = "one 1 two\nthree\nfour\n"
    assert missing(("one … two", "four"), said) is None
    assert missing(("four", "one"), said) == "one"
    assert missing(("one … three",), said) == "one … three"
