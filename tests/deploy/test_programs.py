"""Each process is started by a console script, so that a deployment names no module of ours."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import grimp
import pytest

from cli.programs import Program
from local_stack.programs import Programs
from tests.deploy.composed import ROOT
from tests.deploy.kinds import READ
from tests.deploy.reading import RUNS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED: dict[str, str] = PROJECT["project"]["scripts"]
PACKAGES: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]
# Stands in for a program; what is loaded before it does not count.
WATCHED = """
import gc
import importlib
from types import SimpleNamespace
from cli import programs

searches = []
def load(module):
    gc.callbacks.append(lambda phase, info: searches.append(phase))
    kept = [[number] for number in range(100_000)]
    found = len(searches)
    def main():
        print("searches while loading:", found)
        print("enabled:", gc.isenabled() and kept is not None)
    return SimpleNamespace(main=main)

programs.import_module = load
programs.worker()
"""
FILES = ("Dockerfile", "docker-compose.yml", *sorted((ROOT / "deploy").rglob("*.yaml")))


def module_of(name: str) -> str:
    """Where this program is."""
    found = resolve_name(DECLARED[name])
    assert isinstance(found, Program)
    return found.module


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_each_program_can_be_started(name: str) -> None:
    assert callable(import_module(module_of(name)).main)


def test_a_program_is_loaded_without_a_search_for_garbage() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.stdout.splitlines() == ["searches while loading: 0", "enabled: True"], run.stderr


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
        for name in DECLARED
        if "temporalio" in graph.find_upstream_modules(module := module_of(name))
    }
    assert {"saga", "saga-api", "saga-worker", "saga-search-attributes"} <= speaking.keys()
    ending = graph.find_modules_that_directly_import("infrastructure.temporal.program")
    assert {name for name, module in speaking.items() if module not in ending} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: Path(file).name)
def test_no_module_is_run(file: str | Path) -> None:
    assert not re.search(r"python3?\W+(-P\W+)?-m\W+(?!venv|tests)", (ROOT / file).read_text())
