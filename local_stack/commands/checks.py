"""Single checks for `saga doctor`: each looks at one thing and says how to mend it."""

import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel

from local_stack import envoy
from local_stack.errors import StackError
from local_stack.postgres.cluster import installed_programs
from local_stack.temporal import server

DISTRIBUTION = "order-saga"
OLDEST_PYTHON = (3, 11)
ENOUGH_BYTES = 10**9
MAX_DRIFT = 0.05  # seconds, in a tenth of a second
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?(>=|==)([0-9.]+)")


class Finding(BaseModel, frozen=True):
    """What was found; `fix` says what to do where it is not `ok`."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def python() -> Finding:
    """The interpreter's version."""
    found = sys.version_info[:2]
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return Finding(
        name="Python",
        ok=found >= OLDEST_PYTHON,
        detail=sys.version.split()[0],
        fix=f"install Python {wanted} or later, then `make setup`",
    )


def packages() -> Iterator[Finding]:
    """What this project requires, against what is installed."""
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Finding(name="packages", ok=False, detail="not installed", fix="run `make setup`")
        return
    problems = [problem for line in wanted if (problem := _explain_unmet(line))]
    detail = "; ".join(problems) or f"{len(wanted)} as required"
    yield Finding(name="packages", ok=not problems, detail=detail, fix="run `make setup`")


def programs() -> Iterator[Finding]:
    """Whether the servers' executables run on this machine."""
    yield _check_version("Temporal", server.program())
    yield _check_version("Envoy", envoy.program())
    try:
        yield _check_version("PostgreSQL", installed_programs() / "bin" / "postgres")
    except StackError as error:
        yield Finding(name="PostgreSQL", ok=False, detail=str(error), fix="run `make setup`")


def disk(state_dir: Path) -> Finding:
    """Free space where the state is, or will be."""
    place = next(path for path in (state_dir, *state_dir.parents) if path.exists())
    free = shutil.disk_usage(place.resolve()).free
    return Finding(
        name="disk",
        ok=free >= ENOUGH_BYTES,
        detail=f"{free / 10**9:.1f} GB free at {place}",
        fix=f"free {ENOUGH_BYTES / 10**9:g} GB there, or choose another --state-dir",
    )


def clock() -> Finding:
    """Whether the clock is sane and steady. How far it is from true time is not known here."""
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.1)
    drift = abs((time.time() - wall) - (time.monotonic() - steady))
    installed = Path(__file__).stat().st_mtime
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Finding(
        name="clock",
        ok=drift < MAX_DRIFT and wall >= installed,
        detail=f"{now}; later than this installation and steady for 0.1 s, true time not checked",
        fix="set the system's clock, and let one service adjust it (NTP)",
    )


def private(name: str, path: Path) -> Finding:
    """Whether what only its owner may read is so."""
    if not path.exists():
        return Finding(name=name, ok=True, detail="none yet")
    mode = stat.S_IMODE(path.stat().st_mode)
    detail = f"{path} has mode {mode:04o}"
    return Finding(name=name, ok=mode & 0o077 == 0, detail=detail, fix=f"chmod 600 {path}")


def _explain_unmet(line: str) -> str | None:
    """What is wrong about a requirement; None if it is met, or beyond this simple reading."""
    if not (parts := REQUIREMENT.match(line)):
        return None
    name, how, wanted = parts.groups()
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    met = _parse_numbers(found) >= _parse_numbers(wanted) if how == ">=" else found == wanted
    return None if met else f"{name} is {found}, not {how}{wanted}"


def _parse_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _check_version(name: str, program: Path) -> Finding:
    fix = "run `make setup` on a supported platform (Linux or macOS, x86-64 or arm64)"
    try:
        result = subprocess.run(  # noqa: S603 - a program of our own environment
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name=name, ok=False, detail=str(error), fix=fix)
    said = (result.stdout or result.stderr).strip().splitlines()
    detail = said[0] if said else f"exit code {result.returncode}"
    return Finding(name=name, ok=result.returncode == 0, detail=detail, fix=fix)
