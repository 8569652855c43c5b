"""A copy of our code in a folder of its own, in which a test may add what an author would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = 1e9  # seconds: what is older or newer was written in the copy
MADE = ("docs/asyncapi.json", "contracts/schemas/")  # by `make asyncapi`
LEFT_OUT = shutil.ignore_patterns(
    *(".*", "__pycache__", "images", "node_modules", "reports", "build", "dist", "*.egg-info"),
)


def copy_of_the_code(folder: Path) -> Path:
    """All that is ours, but for what was made of it; `.venv` is the one that runs."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT, dirs_exist_ok=True)
    for path in folder.rglob("*"):
        os.utime(path, (COPIED, COPIED))
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def run_in(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A program on that code: what is imported is the copy's."""
    return subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


def list_changed_files(tree: Path) -> Iterator[str]:
    """The files of the copy that were written since, but for those that are made of the code."""
    for path in tree.rglob("*"):
        name = path.relative_to(tree).as_posix()
        if path.is_symlink() or not path.is_file() or "__pycache__" in name or name[0] == ".":
            continue
        if path.stat().st_mtime != COPIED and not name.startswith(MADE):
            yield name
