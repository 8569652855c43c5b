"""However a stack ends, no process is left behind, and the next one starts."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from local_stack.secrets.passwords import load_or_make
from tests.stack.stacks import Stack, eventually, nobody_left, stack_in


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with stack_in(tmp_path) as stack:
        yield stack


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_all_in_order(stack: Stack, how: signal.Signals) -> None:
    stack.up()
    family = stack.family()
    assert stack.ask(how) == 0
    assert nobody_left(family)
    told = re.findall(r"stopping (.*)", stack.said())
    ended = [name for names in told for name in names.split(", ")]
    order = [ended.index(key) for key in ("worker-1", "api", "provider", "temporal", "postgres")]
    assert order == sorted(order)
    assert "database system is shut down" in (stack.state_dir / "logs/postgres.log").read_text()


def test_signal_during_the_start_stops_all(stack: Stack) -> None:
    stack.begin()
    eventually(lambda: stack.child("temporal"))
    family = stack.family()
    assert stack.ask(signal.SIGTERM) == 128 + signal.SIGTERM
    assert nobody_left(family)


def test_second_ctrl_c_kills_at_once(tmp_path: Path) -> None:
    with stack_in(tmp_path, {"STUB_API": "--stubborn"}) as stack:
        stack.up()
        family = stack.family()
        assert stack.process is not None
        stack.process.send_signal(signal.SIGINT)
        eventually(lambda: "stopping api" in stack.said())
        assert stack.process.poll() is None
        stack.ask(signal.SIGINT, within=10)  # its grace would be 25 s
        assert nobody_left(family)


def test_down_stops_it_and_status_says_so(stack: Stack) -> None:
    stack.up()
    family = stack.family()
    assert stack.saga("down").stdout == "stopped\n"
    assert nobody_left(family[1:])
    status = stack.saga("status", "--json")
    assert status.returncode == 3
    assert json.loads(status.stdout)["up"] is False
    again = stack.saga("down")
    assert again.returncode == 0
    assert again.stdout.startswith("no stack runs here")
    assert str(stack.state_dir.parent) not in again.stdout


async def test_killed_supervisor_takes_its_children_along_and_the_next_recovers(
    stack: Stack,
) -> None:
    stack.up()
    await note(stack, "CREATE TABLE kept ()")
    family = stack.family()
    stack.ask(signal.SIGKILL)
    stack.up()
    assert nobody_left(family)
    await note(stack, "TABLE kept")


def test_down_clears_what_a_killed_supervisor_left(stack: Stack) -> None:
    stack.up()
    family = stack.family()
    stack.ask(signal.SIGKILL)
    assert stack.saga("down").returncode == 0
    assert nobody_left(family)
    assert not (stack.state_dir / "stack.json").exists()


def test_program_that_cannot_start_ends_all_and_its_words_are_told(tmp_path: Path) -> None:
    with stack_in(tmp_path, {"STUB_API": "--refuse"}) as stack:
        process = stack.begin()
        eventually(lambda: stack.child("api"))
        family = [child.identity for child in found.children] if (found := stack.state()) else []
        assert process.wait(30) == 1
        assert "this program refuses to start" in stack.said()
        assert "api did not start: exit code 1" in stack.said()
        assert nobody_left([item for item in family if item])


async def note(stack: Stack, statement: str) -> None:
    password = load_or_make(stack.state_dir / "secrets.json").roles["users"]
    url = f"postgresql://users:{password}@127.0.0.1:{stack.ports['postgres']}/users"
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
