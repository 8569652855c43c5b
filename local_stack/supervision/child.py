"""What the supervisor runs, as data: children that stay, and jobs that end.

Knows nothing of any particular program; `plan` makes the list.
"""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Account:
    """The operating system's account that a child runs as, where it is not ours."""

    name: str
    uid: int
    gid: int


async def always() -> bool:
    """The check of a child that is ready as soon as it runs."""
    return True


def nothing() -> None:
    """The tidy-up of a child that leaves nothing behind."""


@dataclass(frozen=True)
class Child:
    """A process that stays: how to start it, to know that it is ready, and to end it.

    Children of a higher `rank` stop earlier; those of one rank stop together. `tidy` ends and
    removes what an earlier life left behind, before each start and after each end; it blocks.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    ready: Check = always
    tidy: Callable[[], None] = nothing
    stop_signal: signal.Signals = signal.SIGTERM
    # Sent by the kernel when the supervisor dies without a word (Linux).
    orphan_signal: signal.Signals = signal.SIGKILL
    grace: float = 10.0
    start_within: float = 60.0
    rank: int = 0
    account: Account | None = None
    cwd: Path | None = None


@dataclass(frozen=True)
class Job:
    """Something to do once, such as a migration."""

    name: str
    run: Callable[[], Awaitable[str | None]]  # may end with a note for the user


Lane = tuple[Child | Job, ...]  # one after the other
Stage = tuple[Lane, ...]  # side by side
