"""The log files of children: appended to, cut when they have grown, and quoted in errors."""

import io
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 10 * 1024 * 1024
TAIL_BYTES = 8 * 1024


def open_log(path: Path) -> BinaryIO:
    """Open for appending, emptied first if it has grown too large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    large = path.exists() and path.stat().st_size > MAX_BYTES
    if large:
        # Not a new file: a process that still appends to the old one would be lost from sight.
        path.write_bytes(b"")
    return path.open("ab")


def size(path: Path) -> int:
    """Where the next line will begin; 0 if there is no file."""
    return path.stat().st_size if path.exists() else 0


def tail(path: Path, *, since: int = 0, lines: int = 15) -> str:
    """The last lines written after position `since`; empty if there are none."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        end = log.seek(0, io.SEEK_END)
        log.seek(max(min(since, end), end - TAIL_BYTES))
        text = log.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
