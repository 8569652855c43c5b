"""A third saga of orders, added by docs/adding-a-saga.md: whatever concerns all sagas knows it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import prose
from tests.support.code_copy import ROOT, copy_of_the_code, list_changed_files, run_in
from tests.support.page import follow

PAGE = ROOT / "docs/adding-a-saga.md"
MOST_FILES = 6
IN_WORDS = {4: "four", 5: "five", 6: "six"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code with the saga."""
    folder = copy_of_the_code(tmp_path_factory.mktemp("third"))
    follow(PAGE, folder, below="## All of a small one")
    return folder


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A module of that code, as a program."""
    return run_in(tree, sys.executable, "-m", *arguments)


def test_it_takes_few_files(tree: Path) -> None:
    files = len([*list_changed_files(tree)])
    assert files <= MOST_FILES
    assert f"so {IN_WORDS[files]} files are all it takes" in prose(PAGE)


def test_the_linter_knows_it(tree: Path) -> None:
    linted = run(tree, "workers.lint")
    assert (linted.returncode, linted.stderr) == (0, "")
    queues = tree / "workers" / "registration.py"
    whole = queues.read_text()
    queues.write_text(whole.replace(", hold.put_back]", "]"))
    try:
        linted = run(tree, "workers.lint")
    finally:
        queues.write_text(whole)
    assert linted.returncode == 1
    assert "step set_aside needs hold.put_back on queue inventory" in linted.stderr


def test_it_is_drawn(tree: Path) -> None:
    drawn = run(tree, "cli.main", "graph", "HoldStock").stdout
    assert "set_aside --> check_customer" in drawn
    assert "undo_set_aside" in drawn


def test_verify_says_what_it_lacks_of_it(tree: Path) -> None:
    asked = run(tree, "cli.main", "verify", "HoldStock")
    assert asked.returncode == 2
    assert "invariants/subjects/hold_stock.py" in asked.stderr


def test_audit_lists_console_and_preview_know_it(tree: Path) -> None:
    """In that code, with all that runs: tests/third/scenario.py."""
    ran = run(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/third/scenario.py")
    assert ran.returncode == 0, ran.stdout
