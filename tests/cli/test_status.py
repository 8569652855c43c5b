"""`saga status` is not well when the API says that it is not, though every process runs."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import main
from cli.exit_codes import ExitCode
from local_stack.options import Ports
from local_stack.state import state_file
from local_stack.state.state_file import ChildRecord, Phase, StackState
from local_stack.supervision.child_runner import ChildState
from local_stack.supervision.process_identity import identify


@pytest.mark.parametrize(
    ("unwell", "code", "state"),
    [
        ([], ExitCode.DONE, "up"),
        (["the API does not answer: timed out"], ExitCode.DEGRADED, "degraded"),
        (["provider: it does not answer"], ExitCode.DEGRADED, "degraded"),
    ],
)
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_status_ends_as_the_api_says(
    monkeypatch: pytest.MonkeyPatch,
    unwell: list[str],
    code: ExitCode,
    state: str,
    words: tuple[str, ...],
) -> None:
    me = identify(os.getpid())
    child = ChildRecord(
        name="api",
        pid=me.pid,
        born=me.born,
        state=ChildState.RUNNING,
        restarts=0,
        since=datetime.now(UTC),
        log=Path("api.log"),
        stop_signal=15,
    )
    stack = StackState(
        supervisor=me,
        phase=Phase.UP,
        ports=Ports(),
        urls={"api": "http://127.0.0.1:1"},
        environment={},
        children=[child],
    )
    monkeypatch.setattr(state_file, "running", lambda _: stack)
    monkeypatch.setattr(main, "describe_health", lambda _: iter(unwell))
    ran = CliRunner().invoke(main.app, ["status", *words])
    assert ran.exit_code == code, ran.output
    if words:
        found = json.loads(ran.stdout)
        assert (found["up"], found["state"], found["unwell"]) == (not unwell, state, unwell)
    else:
        assert f"the stack is {state}" in ran.stdout
        assert all(line in ran.stdout for line in unwell)
