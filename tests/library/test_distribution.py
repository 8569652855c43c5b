"""The engine as a team gets it: its wheel, in an empty folder with an environment of its own."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from tests.support.databases import Server

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "saga"
README = ENGINE / "README.md"
UV = Path(sys.executable).parent / "uv"
SERVER = Path(sys.executable).parent / "temporal-test-server"
OTHERS = 5  # packages that it may bring beside itself
START = "WorkflowEnvironment.start_time_skipping({})"
DATA_CONVERTER = "\n        data_converter=pydantic_data_converter\n    "
# A thread of Temporal's client may turn the interpreter's own ending into an abort
# (temporalio/sdk-python issue 300), after all that the page shows.
ENDING = "\nimport os, sys\n\nsys.stdout.flush()\nos._exit(0)\n"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What it prints. AssertionError with all it said, if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_sources(place: Path, to: Path) -> None:
    """For a build, which leaves files beside its sources that others would read meanwhile."""
    shutil.copytree(place, to, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make build` does."""
    place = tmp_path_factory.mktemp("dist")
    copy_sources(ENGINE, place / "saga")
    run(
        *(UV, "build", "--quiet", "--no-build-isolation", "--python", sys.executable),
        *("--out-dir", place, place / "saga"),
        cwd=place,
    )
    assert len(list(place.glob("temporal_saga-*.tar.gz"))) == 1
    (found,) = place.glob("temporal_saga-*.whl")
    return found


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel, and what it needs; the folder of its programs."""
    place = tmp_path_factory.mktemp("alone")
    venv.create(place / "venv", with_pip=True, symlinks=True)
    programs = place / "venv" / "bin"
    run(programs / "pip", "install", "--quiet", wheel, cwd=place)
    return programs


def test_it_brings_few_packages_and_shadows_no_name_of_the_user(alone: Path) -> None:
    listed = run(alone / "pip", "list", "--format", "freeze", cwd=alone)
    brought = {line.partition("==")[0] for line in listed.split()} - {"pip", "setuptools"}
    assert "temporal-saga" in brought
    assert len(brought) - 1 <= OTHERS, brought
    listed = run(alone / "pip", "show", "--files", "temporal-saga", cwd=alone)
    files = listed.partition("Files:\n")[2].split()
    brought = {file for file in files if "dist-info" not in file and "__pycache__" not in file}
    sources = (*ENGINE.rglob("*.py"), *ENGINE.rglob("*.tmpl"))
    ours = {path.relative_to(ROOT).as_posix() for path in sources}
    assert brought == {*ours, "saga/py.typed"}


def test_a_service_with_a_barrier_of_its_own_needs_no_extra(alone: Path) -> None:
    module = "saga.participant.activity_errors"
    run(alone / "python", "-c", f"from {module} import ServiceErrors, key_of", cwd=alone)


def test_its_extra_asks_for_no_other_versions_than_the_application() -> None:
    extra = read(ENGINE)["optional-dependencies"]["postgres"]
    assert set(extra) <= set(read(ROOT)["dependencies"])


def test_the_application_requires_it_as_any_library_and_both_install_from_here(
    tmp_path: Path,
) -> None:
    """Its locks leave it out, as they know released packages only."""
    (extras,) = (
        re.findall(r"\w+", found[1])
        for needed in read(ROOT)["dependencies"]
        if (found := re.fullmatch(r"temporal-saga\[(.*)\]", needed))
    )
    assert set(extras) == set(read(ENGINE)["optional-dependencies"])
    offline = ("--quiet", "--dry-run", "--no-index", "--no-build-isolation")
    copy_sources(ENGINE, tmp_path / "saga")
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tmp_path)
    run(*(sys.executable, "-m", "pip", "install"), *offline, "./saga", ".", cwd=tmp_path)
    for lock in ROOT.glob("requirements*.lock"):
        assert not re.search(r"^(temporal-saga|\.|/|file:)", lock.read_text(), re.MULTILINE), lock


def read(place: Path) -> dict[str, Any]:
    """The project's table of the `pyproject.toml` there."""
    project: dict[str, Any] = tomllib.loads((place / "pyproject.toml").read_text())["project"]
    return project


def test_its_page_can_be_followed(alone: Path, tmp_path: Path) -> None:
    """The saga, the run of it, and what that prints; only where the server is, is said here."""
    (saga, using), (shown, _) = blocks("python")[:2], blocks("text")
    (tmp_path / "trip.py").write_text(saga)
    main = "from trip import Bookings, Trip, TripSaga\n" + with_server(using, "") + ENDING
    (tmp_path / "main.py").write_text(main)
    printed = run(alone / "python", "main.py", cwd=tmp_path)  # Temporal's SDK warns there, too
    assert printed.endswith(shown)
    check_types(alone, tmp_path, cache_of(alone), "trip.py", "main.py")


async def test_a_service_behind_a_barrier_can_be_made_as_its_page_says(
    wheel: Path, alone: Path, tmp_path: Path, server: Server
) -> None:
    """With the extra, beside what is there; only where the servers are, is said here."""
    shutil.copytree(alone.parent, tmp_path / "venv", symlinks=True)
    programs = tmp_path / "venv" / "bin"
    extra = f"{wheel}[postgres]"
    run(programs / "python", "-m", "pip", "install", "--quiet", extra, cwd=tmp_path)
    await server.execute("CREATE DATABASE stays")
    (hotels, stay), (_, shown) = blocks("python")[2:], blocks("text")
    (tmp_path / "hotels.py").write_text(hotels)
    main = with_server(stay, DATA_CONVERTER) + indent(ENDING, "    ")  # where it is the program
    (tmp_path / "stay.py").write_text(main)
    url = server.url("stays").replace("://", "+asyncpg://")
    printed = run(programs / "python", "stay.py", cwd=tmp_path, DATABASE_URL=url)
    assert printed.endswith(shown)
    check_types(programs, tmp_path, cache_of(alone), "hotels.py", "stay.py")


def blocks(language: str) -> list[str]:
    """The page's fenced blocks in this language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def with_server(code: str, arguments: str) -> str:
    """The code with a test server that is here, so that none is fetched."""
    start = START.format(arguments)
    assert code.count(start) == 1
    path = f"test_server_existing_path={str(SERVER)!r}"
    return code.replace(start, START.format(f"{arguments.rstrip()}, {path}".lstrip(", ")))


def cache_of(alone: Path) -> Path:
    """Where mypy keeps what it knows of the packages: most of them are in both environments."""
    return alone.parent.parent / "mypy"


def check_types(programs: Path, place: Path, cache: Path, *files: str) -> None:
    """By mypy, strictly, with what is installed there."""
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache)),
        *("--python-executable", programs / "python"),
        *files,
        cwd=place,
    )
