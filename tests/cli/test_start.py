"""Programs and commands load what they need: what is slow to load, only those that use it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cli

SLOW = {
    "asyncpg",
    "fastapi",
    "opentelemetry.sdk",
    "pydantic_settings",
    "sqlalchemy",
    "temporalio",
    "uvicorn",
}
HEAVY = {
    "alembic",
    "fastapi",
    "opentelemetry.exporter.otlp",
    "sqlalchemy",
    "stripe",
    "temporalio",
    "typer",
}
SERVICE = {"fastapi", "sqlalchemy"}
# Each program of a stack, and what of these it loads.
PROGRAMS = {
    "console.__main__": {"fastapi", "sqlalchemy", "stripe", "temporalio"},
    "workers.__main__": {"sqlalchemy", "stripe", "temporalio"},
    "workers.webhooks": {"sqlalchemy", "temporalio"},
    "relay.__main__": {"sqlalchemy"},
    "services.inventory.__main__": SERVICE,
    "services.payment.__main__": SERVICE | {"stripe"},
    "services.envoy_discovery": {"sqlalchemy"},
    "services.migrate": {"alembic", "sqlalchemy"},
    "infrastructure.codec_server.__main__": {"fastapi", "sqlalchemy", "temporalio"},  # for traces
    "local_stack.temporal.search_attributes": {"temporalio"},
    "sandbox.__main__": {"fastapi"},
}


def loaded_by(module: str) -> set[str]:
    """The names of all modules that a fresh interpreter has loaded after this one."""
    asked = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize("module", ["cli.main", "saga.participant"])
def test_nothing_slow_is_loaded_by_all(module: str) -> None:
    loaded = loaded_by(module)
    assert module in loaded
    assert loaded & SLOW == set()


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_program_loads_only_what_it_uses(module: str) -> None:
    assert loaded_by(module) & HEAVY == PROGRAMS[module]


def test_the_engines_public_names_are_loaded_when_they_are_asked_for() -> None:
    asked = "import saga, sys; assert 'saga.public' not in sys.modules; print(saga.Saga.__name__)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout == "Saga\n"


def test_no_command_measures_the_terminal_while_it_is_loaded() -> None:
    """A console of Rich keeps the width that it had when it was made."""
    for path in Path(cli.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            calls = ast.walk(node) if isinstance(node, ast.Assign) else ()
            made = {ast.unparse(call.func) for call in calls if isinstance(call, ast.Call)}
            assert "Console" not in made, path
