"""Which stacks of this user run, wherever they were started.

A stack is noted in the user's state folder, by where it keeps its own state. A note proves nothing:
only that somebody holds the lock there does, and the kernel lets go of it when a supervisor dies.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.errors import StackError
from local_stack.state import state_file
from local_stack.state.state_file import StackState
from local_stack.state_dir import find_state_dir, write_private

NO_PLACE = (OSError, RuntimeError)  # as where the user has no home
USUAL = ".saga"  # the name that commands look for in a folder and in those above


@contextmanager
def note(state_dir: Path) -> Iterator[None]:
    """Have it known to other folders for the block. A stack does not fail for want of a note."""
    name = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]
    with contextlib.suppress(*NO_PLACE):
        _notes().mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget_removed()
        write_private(_notes() / name, str(state_dir))
    try:
        yield
    finally:
        with contextlib.suppress(*NO_PLACE):
            (_notes() / name).unlink(missing_ok=True)


def find_others(state_dir: Path) -> list[tuple[Path, StackState]]:
    """The stacks that run now, but that of this folder: where each keeps its state, and what."""
    found = []
    for place in sorted(_read_notes()):
        with contextlib.suppress(OSError, StackError):
            if place != state_dir and place.stat().st_uid == os.getuid():
                stack = state_file.running(place)
                found += [(place, stack)] if stack else []
    return found


def describe_others(given: Path) -> str:
    """What runs elsewhere, if no stack runs here: a line each, in words; else nothing."""
    state_dir = find_state_dir(given)
    if state_file.running(state_dir) is not None:
        return ""
    return "".join(f"\n{describe(*other)}" for other in find_others(state_dir))


def describe_owner(url: str, given: Path) -> str | None:
    """Whose API that is, if it is another folder's stack that runs."""
    for place, stack in find_others(find_state_dir(given)):
        if url in {stack.urls.get("api"), stack.urls.get("gateway")}:
            return describe(place, stack)
    return None


def describe(place: Path, stack: StackState) -> str:
    """Where it runs, and how to get at it."""
    way = f"cd {place.parent}" if place.name == USUAL else f"--state-dir {place}"
    return f"a stack runs for {place.parent}, with its API at {stack.urls['api']}: {way}"


def missing_stack(given: Path, advice: str) -> StackError:
    """The error that no stack runs here; it names those that run elsewhere."""
    return StackError(f"no stack runs here: {advice}{describe_others(given)}")


def _notes() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(home) / "saga" / "stacks"


def _read_notes() -> list[Path]:
    found = []
    with contextlib.suppress(*NO_PLACE):
        for path in _notes().iterdir():
            with contextlib.suppress(OSError, UnicodeError):
                found.append(Path(path.read_text()))
    return found


def _forget_removed() -> None:
    """Those that were killed, and whose folders are gone."""
    for path in _notes().iterdir():
        with contextlib.suppress(OSError, UnicodeError):
            if not Path(path.read_text()).exists():
                path.unlink()
