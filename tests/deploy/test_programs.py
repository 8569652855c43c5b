"""Each process is started by a console script, so that a deployment names no module of ours."""

import re
import tomllib
from pathlib import Path
from pkgutil import resolve_name

import grimp
import pytest

from local_stack.programs import Programs
from tests.deploy.composed import ROOT
from tests.deploy.kinds import READ
from tests.deploy.reading import RUNS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED: dict[str, str] = PROJECT["project"]["scripts"]
PACKAGES: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]
FILES = ("Dockerfile", "docker-compose.yml", *sorted((ROOT / "deploy").rglob("*.yaml")))


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_each_program_can_be_started(name: str) -> None:
    assert callable(resolve_name(DECLARED[name]))


def test_containers_and_pods_run_programs() -> None:
    assert {*READ, *RUNS.values()} <= DECLARED.keys()


def test_the_local_stack_runs_programs() -> None:
    for name, command in vars(Programs()).items():
        programs = [Path(command[0])]
        if name == "service":
            programs = [Path(f"{command[0]}-{service}") for service in ("user", "payment")]
        assert all(program.name in DECLARED and program.exists() for program in programs)


def test_what_speaks_to_temporal_ends_without_the_interpreters_own_ending() -> None:
    """Which may be an abort: `run_and_end` says why."""
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)
    speaking = {
        name: module
        for name, place in DECLARED.items()
        if "temporalio" in graph.find_upstream_modules(module := place.partition(":")[0])
    }
    assert {"saga", "saga-api", "saga-worker", "saga-search-attributes"} <= speaking.keys()
    ending = graph.find_modules_that_directly_import("infrastructure.temporal.program")
    assert {name for name, module in speaking.items() if module not in ending} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: Path(file).name)
def test_no_module_is_run(file: str | Path) -> None:
    assert not re.search(r"python3?\W+(-P\W+)?-m\W+(?!venv|tests)", (ROOT / file).read_text())
