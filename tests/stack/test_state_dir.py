"""Commands find the stack from any folder below the one where it was started."""

import os
from pathlib import Path

import pytest

from cli.client import api_token
from local_stack.secrets import signing_keys
from local_stack.state_dir import StateDir, find_state_dir

GIVEN = Path(".saga")


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder two below the one with a stack, where we are."""
    layout = StateDir(tmp_path / GIVEN)
    layout.path.mkdir()
    layout.stack.write_text("{}")
    folder = tmp_path / "some" / "folder"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_the_stack_is_found_from_below(deep: Path, tmp_path: Path) -> None:
    assert find_state_dir(GIVEN) == tmp_path / GIVEN


def test_a_folder_of_its_own_comes_first(deep: Path) -> None:
    (deep / GIVEN).mkdir()
    assert find_state_dir(GIVEN) == deep / GIVEN


def test_a_path_that_is_said_in_full_is_taken_as_it_is(deep: Path, tmp_path: Path) -> None:
    assert find_state_dir(tmp_path / "other") == tmp_path / "other"


def test_without_any_it_would_be_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_state_dir(GIVEN) == tmp_path / GIVEN


def test_anothers_stack_is_passed_over(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys are not for us, nor are ours for whoever put them there."""
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    assert find_state_dir(GIVEN) == deep / GIVEN


def test_requests_from_below_are_made_as_an_operator_of_the_stack(
    deep: Path, tmp_path: Path
) -> None:
    signing_keys.load_or_make(StateDir(tmp_path / GIVEN))
    assert api_token("http://127.0.0.1:8000", GIVEN, {}) is not None
