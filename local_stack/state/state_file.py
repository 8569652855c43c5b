"""What the supervisor writes down for everybody else: `.saga/stack.json`.

Other commands and tests read it by `load` (whatever was written last, maybe by a dead one) or by
`running` (only while its supervisor lives).
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ValidationError

from local_stack.options import Ports
from local_stack.state import lock
from local_stack.state_dir import StateDir, write_private
from local_stack.supervision.child_runner import ChildState, Runner
from local_stack.supervision.process_identity import Identity, is_frozen


class Phase(StrEnum):
    """Where a stack is in its life."""

    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"


class ChildRecord(BaseModel, frozen=True):
    """One child, as it was when something last changed."""

    name: str
    pid: int | None
    born: float
    state: ChildState
    restarts: int
    since: datetime
    log: Path
    stop_signal: int

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return self.identity is not None and self.identity.find() is not None

    @property
    def frozen(self) -> bool:
        """Whether that very process runs, and is kept from doing anything."""
        process = self.identity.find() if self.identity is not None else None
        return process is not None and is_frozen(process)

    @property
    def identity(self) -> Identity | None:
        """The process, if it was ever started."""
        return Identity(pid=self.pid, born=self.born) if self.pid is not None else None


class StackState(BaseModel, frozen=True):
    """A whole stack. `environment` leads a program to its parts, and holds passwords."""

    supervisor: Identity
    phase: Phase
    ports: Ports
    urls: dict[str, str]
    environment: dict[str, str]
    children: list[ChildRecord] = []

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each child that was started."""
        return {child.name: child.pid for child in self.children if child.pid is not None}

    @property
    def healthy(self) -> bool:
        """Whether it is up, and every child of it too."""
        running = all(
            child.state is ChildState.RUNNING and child.alive and not child.frozen
            for child in self.children
        )
        return self.phase is Phase.UP and running


def record(runner: Runner) -> ChildRecord:
    """A child as others may know it."""
    identity = runner.identity
    return ChildRecord(
        name=runner.child.name,
        pid=identity.pid if identity else None,
        born=identity.born if identity else 0.0,
        state=runner.state,
        restarts=runner.restarts,
        since=runner.since,
        log=runner.log,
        stop_signal=int(runner.child.stop_signal),
    )


def load(state_dir: Path) -> StackState | None:
    """What was written last; None if there is nothing, or nothing that this version can read."""
    try:
        return StackState.model_validate_json(StateDir(state_dir).stack.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def running(state_dir: Path) -> StackState | None:
    """The stack that runs now; None if none does."""
    return load(state_dir) if lock.is_held(StateDir(state_dir).lock) else None


def save(state_dir: Path, state: StackState) -> None:
    """Replace what was written, at once."""
    write_private(StateDir(state_dir).stack, state.model_dump_json(indent=2))
