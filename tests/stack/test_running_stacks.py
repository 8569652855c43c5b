"""Stacks that run elsewhere are known by who holds their lock; no supervisor is started here."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import client
from cli.main import app
from local_stack.options import Ports
from local_stack.state import lock, running_stacks, state_file
from local_stack.state.state_file import Phase, StackState
from local_stack.state_dir import StateDir
from local_stack.supervision.process_identity import identify
from tests.support.ports import free_port

API = "http://127.0.0.1:18000"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a stack, where we are; nothing is known of any other."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder / ".saga"


@pytest.fixture
def elsewhere(tmp_path: Path, here: Path) -> Iterator[Path]:
    """The state of a stack that runs for another folder."""
    place = tmp_path / "shop" / ".saga"
    layout = StateDir(place).create()
    me, urls = identify(os.getpid()), {"api": API}
    stack = StackState(
        supervisor=me, phase=Phase.UP, ports=Ports(api=18000), urls=urls, environment={}
    )
    state_file.save(place, stack)
    with lock.try_acquire(layout.lock), running_stacks.note(place):
        yield place


def test_it_is_named_with_the_way_to_it(here: Path, elsewhere: Path) -> None:
    told = running_stacks.describe_others(here)
    assert told == f"\na stack runs for {elsewhere.parent}, with its API at {API}: " + (
        f"cd {elsewhere.parent}"
    )
    assert running_stacks.describe_owner(API, here) == told.strip()
    assert running_stacks.describe_owner("http://127.0.0.1:1", here) is None


def test_it_is_no_other_in_its_own_folder(elsewhere: Path) -> None:
    assert running_stacks.find_others(elsewhere) == []
    assert running_stacks.describe_others(elsewhere) == ""


def test_a_note_alone_proves_nothing(here: Path, tmp_path: Path) -> None:
    """As after a supervisor was killed: the kernel has let go of its lock."""
    place = tmp_path / "killed" / ".saga"
    layout = StateDir(place).create()
    layout.lock.touch()
    with running_stacks.note(place):
        assert running_stacks.find_others(here) == []


def test_what_is_gone_is_forgotten(here: Path, elsewhere: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    (left,) = (tmp_path / "home/saga/stacks").iterdir()
    kept = left.with_name("0" * 16)
    kept.write_text(str(gone))
    with running_stacks.note(here):
        assert not kept.exists()
        assert left.exists()


def test_anothers_is_not_named(
    here: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    assert running_stacks.find_others(here) == []


def test_a_stack_needs_no_note(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with running_stacks.note(here):
        assert running_stacks.find_others(here) == []


def test_a_user_without_a_home_may_have_a_stack(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "expanduser", fail)
    with running_stacks.note(here):
        assert running_stacks.find_others(here) == []


@pytest.mark.parametrize("words", ["order list", "user list", "worker", "drill stop", "status"])
def test_commands_name_it(
    here: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(client, "DEFAULT_URL", f"http://127.0.0.1:{free_port()}")
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code != 0
    assert f"cd {elsewhere.parent}" in done.output + str(done.exception)
