"""The compose file as Docker Compose itself reads it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
COMPOSE = PROGRAMS / "docker-compose"
ALL_PROFILES = ("--profile", "nats", "--profile", "tracing")


def prepared(folder: Path) -> Path:
    """A copy with generated passwords, as `saga secrets` leaves it."""
    shutil.copy(ROOT / "docker-compose.yml", folder)
    made = saga_secrets(folder)
    assert made.returncode == 0, made.stderr
    return folder


def saga_secrets(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run `saga secrets` there."""
    return _run(folder, str(PROGRAMS / "saga"), "secrets")


def config(folder: Path) -> "subprocess.CompletedProcess[str]":
    """`docker compose config`, with all profiles.

    The wheel's wrapper loses the exit code: a failure shows in what is said, and in what is not.
    """
    return _run(folder, str(COMPOSE), *ALL_PROFILES, "config", "--format", "json")


def read(folder: Path) -> dict[str, Any]:
    """The file, whole and resolved."""
    said = config(folder)
    assert said.stderr == ""
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def _run(folder: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
