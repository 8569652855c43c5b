"""A command loads what it needs: what is slow to load, only the commands that use it."""

import subprocess
import sys

import pytest

SLOW = {"asyncpg", "fastapi", "sqlalchemy", "temporalio", "uvicorn"}


@pytest.mark.parametrize("module", ["cli.main", "saga.participant"])
def test_nothing_slow_is_loaded_by_all(module: str) -> None:
    asked = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert module in loaded
    assert loaded & SLOW == set()


def test_the_engines_public_names_are_loaded_when_they_are_asked_for() -> None:
    asked = "import saga, sys; assert 'saga.public' not in sys.modules; print(saga.Saga.__name__)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout == "Saga\n"
