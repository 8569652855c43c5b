"""`python -m saga new trip`: a project that runs, of one saga and one service."""

import argparse
import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).parent / "template"
SUFFIX = ".tmpl"
NAME = re.compile(r"[a-z]([a-z0-9_]{0,38}[a-z0-9])?")
# What the project imports, and what its own modules call something else.
TAKEN = {"asyncpg", "pydantic", "pytest", "saga", "sqlalchemy", "temporalio", "tests"}
TAKEN |= {"completed", "free"}


class CannotMake(Exception):
    """The project cannot be made; the message says what to do."""


def make_project(name: str, folder: Path) -> list[Path]:
    """Write it into this folder, which is made; the files that were written. CannotMake.

    Nothing is written over.
    """
    if (
        not NAME.fullmatch(name)
        or keyword.iskeyword(name)
        or name in TAKEN | sys.stdlib_module_names
    ):
        raise CannotMake(f"{name} names no package: take a word like trip, in small letters")
    files = {
        _target_path(path, name, folder): path for path in sorted(TEMPLATE.rglob(f"*{SUFFIX}"))
    }
    there = [path for path in files if path.exists()]
    if there:
        raise CannotMake(f"{there[0]} is there already: choose another --folder")
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_fill_in(template.read_text(), name))
    return list(files)


def _target_path(path: Path, name: str, folder: Path) -> Path:
    return folder / _fill_in(str(path.relative_to(TEMPLATE)).removesuffix(SUFFIX), name)


def _fill_in(text: str, name: str) -> str:
    """The template is of a trip, in each of three spellings."""
    words = name.split("_")
    spoken = {"trip": name, "Trip": "".join(map(str.capitalize, words)), "TRIP": name.upper()}
    return re.sub("trip|Trip|TRIP", lambda found: spoken[found[0]], text)


def main(arguments: Sequence[str]) -> int:
    """Exit code 2 if nothing was made."""
    parser = argparse.ArgumentParser("python -m saga new", description=__doc__)
    parser.add_argument("name", help="of the package, like trip")
    parser.add_argument("--folder", type=Path, help="where to; ./NAME if not said")
    asked = parser.parse_args(arguments)
    folder = asked.folder or Path(asked.name)
    try:
        files = make_project(asked.name, folder)
    except CannotMake as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"{len(files)} files in {folder}; next: cd {folder} && pip install -e '.[test]' && pytest"
    )
    return 0
