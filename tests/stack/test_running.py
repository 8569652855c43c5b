"""A stack that is up: what it tells, and how it mends itself."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.stacks import Stack, eventually, stack_in

CHILDREN = [
    *("api", "gateway", "postgres", "provider", "relay", "temporal", "webhooks", "worker-1"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_in(tmp_path_factory.mktemp("stack")) as stack:
        stack.up()
        yield stack


def test_up_prints_where_everything_is_and_no_password(stack: Stack) -> None:
    found = stack.state()
    assert found is not None
    said = eventually(lambda: stack.said() if "saga demo" in stack.said() else None)
    assert f"curl -s http://127.0.0.1:{stack.ports['api']}/v1/products" in said
    assert all(url in said for url in found.urls.values())
    secrets = json.loads((stack.state_dir / "secrets.json").read_text())
    assert 'v1/products -H "Authorization: Bearer $TOKEN"' in said
    assert re.search(r"TOKEN=[\w-]+\.[\w-]+\.[\w-]+$", said, re.MULTILINE)
    assert "PRIVATE KEY" not in said
    assert not any(password in said for password in secrets["roles"].values())


def test_status_tells_of_every_child(stack: Stack) -> None:
    result = stack.saga("status", "--json")
    found = json.loads(result.stdout)
    assert result.returncode == 0
    assert found["up"] is True
    assert sorted(child["name"] for child in found["children"]) == CHILDREN
    assert all(child["state"] == "running" for child in found["children"])
    assert found["urls"]["api"] == f"http://127.0.0.1:{stack.ports['api']}"
    assert "worker-1" in stack.saga("status").stdout


@pytest.mark.parametrize("name", ["api", "provider", "temporal", "worker-1"])
def test_status_is_not_well_while_a_child_is_frozen(stack: Stack, name: str) -> None:
    child = stack.child(name)
    assert child is not None
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    try:
        result = stack.saga("status", "--json")
        found = json.loads(result.stdout)
        assert (result.returncode, found["up"], found["state"]) == (3, False, "degraded")
        states = {row["name"]: row["state"] for row in found["children"]}
        assert states == {**dict.fromkeys(CHILDREN, "running"), name: "frozen"}
    finally:
        os.kill(child.pid, signal.SIGCONT)
    assert eventually(lambda: stack.saga("status").returncode == 0)


def test_second_up_says_that_it_is_up_already(stack: Stack) -> None:
    before = stack.family()
    result = stack.saga("up", *stack.flags)
    assert result.returncode == 0
    assert "already up" in result.stdout
    assert f"http://127.0.0.1:{stack.ports['temporal-ui']}" in result.stdout
    assert all(identity.find() for identity in before if identity in before[:1])


def test_taken_port_is_named_with_its_holder_and_flag(stack: Stack, tmp_path: Path) -> None:
    found = stack.state()
    assert found is not None
    other = Stack(tmp_path)
    result = other.saga("up", *stack.flags)
    said = result.stderr
    assert result.returncode == 1
    for name in ("api", "temporal", "temporal-ui", "provider", "postgres"):
        assert f"port {stack.ports[name]} for" in said
        assert f"--{name}-port" in said
    assert f"process {found.pids['api']} ({sys.executable}" in said
    assert not (other.state_dir / "logs").exists(), "something was started"
    assert f"cd {stack.state_dir.parent}" in said
    assert "--port-offset" in said


def test_another_folder_is_told_where_a_stack_runs(stack: Stack, tmp_path: Path) -> None:
    other = Stack(tmp_path)
    status = other.saga("status")
    assert status.returncode == 3
    assert "none runs here" in status.stdout
    api = f"http://127.0.0.1:{stack.ports['api']}"
    line = f"a stack runs for {stack.state_dir.parent}, with its API at {api}"
    assert line in status.stdout
    places = [
        row["state_dir"] for row in json.loads(other.saga("status", "--json").stdout)["elsewhere"]
    ]
    assert str(stack.state_dir) in places
    assert line in other.saga("down").stdout
    assert line not in stack.saga("status").stdout


@pytest.mark.parametrize("name", CHILDREN)
def test_killed_child_is_started_again_and_reported(stack: Stack, name: str) -> None:
    before = stack.child(name)
    assert before is not None
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)

    def again() -> bool:
        now = stack.child(name)
        return now is not None and now.pid != before.pid and now.state == "running"

    eventually(again)
    assert f"{name} ended (killed by SIGKILL)" in stack.said()
    eventually(lambda: f"{name} is back" in stack.said())
    child = stack.child(name)
    assert child is not None
    assert child.restarts == before.restarts + 1


def test_only_the_owner_can_read_passwords_and_state(stack: Stack) -> None:
    for name in ("secrets.json", "signing-key.pem", "stack.json", "lock"):
        assert (stack.state_dir / name).stat().st_mode & 0o077 == 0, name


def test_doctor_knows_the_ports_of_the_running_stack(stack: Stack) -> None:
    findings = json.loads(stack.saga("doctor", "--json").stdout)
    by_name = {finding["name"]: finding for finding in findings}
    assert by_name["ports"]["ok"] is True
    assert by_name["PostgreSQL"]["detail"].startswith("postgres (PostgreSQL)")
    assert by_name["Temporal"]["detail"].startswith("temporal version")
    assert by_name["secrets"]["ok"] is True
    assert by_name["signing key"]["ok"] is True
