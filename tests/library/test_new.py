"""`python -m saga new`: from nothing to a saga that is verified, as its README says."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from saga.new import CannotMake, make_project
from tests.library.test_distribution import ROOT, run, wheel
from tests.support.databases import Server

__all__ = ["wheel"]

PAGE = ROOT / "docs/library.md"
COMMANDS = [
    "pip install 'temporal-saga[postgres,verify]'",
    "python -m saga new trip",
    "cd trip",
    "pip install -e '.[test]'",
    "pytest",
]
WRONG_NAMES = ["Trip", "2trips", "trip_", "a b", "../up", "", "saga", "class", "json", "pydantic"]
SEEN_AGAIN = re.compile(r"python -m saga verify trip\.subject:SUBJECT --only '([^']+)'")


def test_a_project_bears_its_name_everywhere(tmp_path: Path) -> None:
    files = make_project("boat_tour", tmp_path / "made")
    names = {str(path.relative_to(tmp_path / "made")) for path in files}
    assert {"pyproject.toml", "boat_tour/workflow.py", "tests/test_boat_tour.py"} <= names
    text = "".join(path.read_text() for path in files)
    assert "class BoatTourSaga:" in text
    assert re.search("trip", text, re.IGNORECASE) is None


@pytest.mark.parametrize(
    "name", ["Trip", "2trips", "saga", "class", "json", "a b", "../up", "trip_", "pydantic", ""]
)
def test_a_name_that_no_package_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CannotMake, match="take a word like trip"):
        make_project(name, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(CannotMake, match=r"README\.md is there already"):
        make_project("trip", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_the_page_has_the_commands_that_are_tried_here() -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block.splitlines() == COMMANDS


@pytest.mark.verifier
def test_from_nothing_to_a_verified_saga(wheel: Path, server: Server, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[postgres,verify]", cwd=tmp_path)
    assert "next: cd trip && pip install" in run(python, "-m", "saga", "new", "trip", cwd=tmp_path)
    project = tmp_path / "trip"
    run(python, "-m", "pip", "install", "--quiet", "-e", ".[test]", cwd=project)
    environment = {**os.environ, "SAGA_VERIFY_POSTGRES": server.url("postgres")}
    (only,) = SEEN_AGAIN.findall((project / "README.md").read_text())
    for arguments, said in (
        (("pytest", "-q", "-s"), r"TripSaga: 3[89]\d single faults, 20 combinations, 0 failures"),
        (
            ("saga", "verify", "trip.subject:SUBJECT", "--only", only),
            r"attempt 1 done\n.*[1-9]\d* single faults",
        ),
    ):
        done = subprocess.run(
            [str(python), "-m", *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(said, done.stdout, re.DOTALL), done.stdout
    strict = ("-m", "mypy", "--strict", "--python-executable", python, "-p", "trip")
    run(sys.executable, *strict, cwd=project)
    run(
        sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml", ".", cwd=project
    )
