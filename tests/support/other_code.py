"""Our code with a line changed, in a folder that goes before ours in PYTHONPATH."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copy_with_changes(
    folder: Path, packages: Sequence[str], file: str, lines: Mapping[str, str]
) -> Path:
    """A copy of these packages, in one file of which each line is another; the folder.

    AssertionError if a line is not there, or more than once.
    """
    for package in packages:
        shutil.copytree(ROOT / package, folder / package)
    change_lines(folder, file, lines)
    return folder


def change_lines(folder: Path, file: str, lines: Mapping[str, str]) -> None:
    """Put other lines into a file of the copy. AssertionError as above."""
    place = folder / file
    text = place.read_text()
    for old, new in lines.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    place.write_text(text)
