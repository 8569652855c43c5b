"""Who does not use the extra `postgres` needs none of what it installs."""

import subprocess
import sys

import pytest

EXTRA = {"asyncpg", "pydantic", "pydantic_core", "sqlalchemy"}


def loaded_by(module: str) -> set[str]:
    """All modules that a fresh interpreter has loaded when it has imported this one."""
    program = f"import {module}, sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["saga", "saga.participant"])
def test_it_loads_nothing_of_the_extra(module: str) -> None:
    loaded = loaded_by(f"{module}, saga.public")
    assert {module, "temporalio"} <= loaded
    assert not loaded & EXTRA


@pytest.mark.parametrize("module", ["saga", "saga.participant"])
def test_it_loads_the_sdk_only_with_the_first_name_of_the_kernel(module: str) -> None:
    assert "temporalio" not in loaded_by(module)


def test_the_kernel_loads_nothing_of_participants() -> None:
    assert not {item for item in loaded_by("saga.public") if item.startswith("saga.participant")}


def test_the_barrier_loads_the_extra() -> None:
    assert {"pydantic", "sqlalchemy"} <= loaded_by("saga.participant.barrier")
