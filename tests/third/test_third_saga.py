"""A third saga of orders: whatever is told of all sagas knows it, by what its own files say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.third.edits import EDITS

ROOT = Path(__file__).parents[2]
ADDED = Path(__file__).parent / "added"
PACKAGES = (
    *("activities", "api", "cli", "contracts", "infrastructure", "relay", "saga", "sandbox"),
    *("services", "tests", "verifier", "workers", "workflows"),
)
MOST_FILES = 6


def copy_with_a_third_saga(folder: Path) -> int:
    """Our code with the saga, in a folder; how many files that took."""
    for package in PACKAGES:
        (folder / package).mkdir()
        for path in (ROOT / package).rglob("*"):
            if "__pycache__" in path.parts:
                continue
            there = folder / path.relative_to(ROOT)
            if path.is_dir():
                there.mkdir(exist_ok=True)
            else:
                there.write_bytes(path.read_bytes())
    added = list(ADDED.rglob("*.py.txt"))  # not .py: here nobody can import what they do
    for path in added:
        (folder / path.relative_to(ADDED)).with_suffix("").write_bytes(path.read_bytes())
    for name, edits in EDITS.items():
        text = (folder / name).read_text()
        for before, after in edits.items():
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        (folder / name).write_text(text)
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return len(added) + len(EDITS)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code."""
    folder = tmp_path_factory.mktemp("third")
    assert copy_with_a_third_saga(folder) <= MOST_FILES
    return folder


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A module of that code, as a program."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_linter_knows_it(tree: Path) -> None:
    linted = run(tree, "workers.lint")
    assert (linted.returncode, linted.stderr) == (0, "")
    queues = tree / "workers" / "queues.py"
    whole = queues.read_text()
    queues.write_text(whole.replace("hold.put_back, ", ""))
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
    assert "verifier/hold_stock.py" in asked.stderr


def test_audit_lists_console_and_preview_know_it(tree: Path) -> None:
    """In that code, with all that runs: tests/third/scenario.py."""
    ran = run(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/third/scenario.py")
    assert ran.returncode == 0, ran.stdout
