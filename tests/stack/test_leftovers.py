"""What a killed supervisor left is ended, and nobody else's process is."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack import orphans
from local_stack.commands.down import down
from local_stack.options import Ports
from local_stack.state import state_file
from local_stack.state.state_file import ChildRecord, Phase, StackState
from local_stack.supervision.child_runner import ChildState
from local_stack.supervision.process_identity import Identity, identify


@pytest.fixture
def orphan() -> Iterator[Identity]:
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    process = subprocess.Popen(command, start_new_session=True)
    yield identify(process.pid)
    process.kill()
    process.wait()


def write(state_dir: Path, *children: Identity) -> None:
    records = [
        ChildRecord(
            name=f"child-{number}",
            pid=child.pid,
            born=child.born,
            state=ChildState.RUNNING,
            restarts=0,
            since=datetime.now(UTC),
            log=state_dir / "log",
            stop_signal=int(signal.SIGTERM),
        )
        for number, child in enumerate(children)
    ]
    stack = StackState(
        supervisor=Identity(pid=2**22 + 1, born=1.0),
        phase=Phase.UP,
        ports=Ports(),
        urls={},
        environment={},
        children=records,
    )
    state_file.save(state_dir, stack)


def test_recorded_process_is_ended(tmp_path: Path, orphan: Identity) -> None:
    write(tmp_path, orphan)
    assert orphans.clear(tmp_path) == ["child-0"]
    assert orphan.find() is None
    assert state_file.load(tmp_path) is None


def test_process_that_got_a_dead_childs_pid_is_let_alone(tmp_path: Path, orphan: Identity) -> None:
    write(tmp_path, Identity(pid=orphan.pid, born=orphan.born - 60))
    assert orphans.clear(tmp_path) == []
    assert orphan.find() is not None


def test_down_ends_leftovers(tmp_path: Path, orphan: Identity) -> None:
    write(tmp_path, orphan)
    (tmp_path / "lock").touch()
    assert "ended what a killed one left: child-0" in down(tmp_path)
    assert orphan.find() is None


def test_unreadable_state_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"phase"')
    assert state_file.load(tmp_path) is None
    assert orphans.clear(tmp_path) == []
