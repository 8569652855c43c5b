"""Golden histories in a file: those of one release, a line of JSON each, compressed together.

They are much alike, so that together they take a quarter of what they would take apart. A manifest
beside them says what each is.
"""

import json
import lzma
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

NAME, MANIFEST = "histories.jsonl.xz", "manifest.json"


class Line(NamedTuple):
    """One history: which release made it, its name, and what Temporal's tools would write."""

    release: str
    name: str
    history: dict[str, Any]


def below(path: Path) -> list[Path]:
    """The archives at a path: it, or those somewhere below a folder."""
    if path.is_dir():
        return sorted(path.rglob(NAME))
    return [path] if path.name == NAME else []


def read(path: Path) -> Iterator[Line]:
    """All histories of an archive, in order; the release is what its folder is called."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            yield Line(path.parent.name, found["name"], found["history"])


def manifest(folder: Path) -> list[dict[str, Any]]:
    """What is said of the histories of a release, in their order; nothing if there are none yet."""
    path = folder / MANIFEST
    return list(json.loads(path.read_text())) if path.exists() else []


def write(
    folder: Path, said: Sequence[Mapping[str, Any]], histories: Mapping[str, dict[str, Any]]
) -> None:
    """Write both files. `said` has one entry for each history, with its `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"name": record["name"], "history": histories[record["name"]]} for record in said]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (folder / NAME).write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    (folder / MANIFEST).write_text(json.dumps(said, indent=2) + "\n")
