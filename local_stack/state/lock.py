"""The lock that says whether a state dir's stack is up: the kernel drops it when we die."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from local_stack.errors import StackError
from local_stack.supervision.process_identity import Identity, identify

# `is_held` takes the lock for a moment, which must not look like another supervisor.
ATTEMPTS = 5
PAUSE = 0.05


@contextmanager
def try_acquire(path: Path) -> Iterator[bool]:
    """Hold the lock for a block, and write our name into it; False if somebody else holds it."""
    descriptor = _open(path)
    try:
        mine = _try_lock(descriptor)
        if mine:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, identify(os.getpid()).model_dump_json().encode(), 0)
        yield mine
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a supervisor lives."""
    if not path.exists():
        return False
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def holder(path: Path) -> Identity | None:
    """The last one to hold it; None if there was none or it has not said its name yet."""
    try:
        return Identity.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StackError(f"{path}: {error.strerror}; run `saga` as the user who made it") from error


def _try_lock(descriptor: int) -> bool:
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            return True
    return False
