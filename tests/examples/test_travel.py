"""The travel agency is a project of its own, and its page can be followed."""

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, links, shell_blocks
from tests.docs.test_commands import missing

TRAVEL = ROOT / "examples" / "travel"
README = TRAVEL / "README.md"
PARTS = ("travel", "tests")  # not an environment that somebody made beside them
OURS = {"mutants", "saga", "travel"}
MARK = "@@ line "
BOUND = 600  # seconds for all commands together; most of them are of the installation


def imported(file: Path) -> Iterator[str]:
    """The first part of the name of everything that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_it_imports_the_engine_and_nothing_else_of_this_repository() -> None:
    here = {path.stem for path in ROOT.iterdir()} - {"saga"}
    files = (file for part in PARTS for file in (TRAVEL / part).rglob("*.py"))
    used = {name for file in files for name in imported(file)}
    assert used >= {"saga", "travel"}
    assert not used & here


def test_it_declares_what_it_imports() -> None:
    declared = set(re.findall(r'"([\w-]+)[\[>]', (TRAVEL / "pyproject.toml").read_text()))
    files = (file for part in PARTS for file in (TRAVEL / part).rglob("*.py"))
    used = {name for file in files for name in imported(file)}
    others = used - set(sys.stdlib_module_names) - OURS
    assert {name.replace("_", "-") for name in others} <= declared


def test_links_of_its_page_lead_somewhere() -> None:
    for link in links(README):
        assert (TRAVEL / link).exists(), link


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter: if we are root, PostgreSQL is run by somebody else."""
    with tempfile.TemporaryDirectory(prefix="travel-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.verifier
def test_its_page_can_be_followed(place: Path) -> None:
    """In a copy of the two folders that it needs, from the installation on."""
    leave_out = shutil.ignore_patterns(".venv", "__pycache__", "*.egg-info", "build")
    for folder in ("saga", "examples/travel"):
        shutil.copytree(ROOT / folder, place / folder, ignore=leave_out)
    blocks = shell_blocks(README)
    lines = ["set -euo pipefail"]
    for block in blocks:
        lines += [f"echo; echo '{MARK}{block.line}'", block.commands]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=place / "examples" / "travel",
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    said = dict(part.split("\n", 1) for part in done.stdout.split(f"\n{MARK}")[1:])
    for block in blocks:
        assert missing(block.shows, said[str(block.line)]) is None, said[str(block.line)]
