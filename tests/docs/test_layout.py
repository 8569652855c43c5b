"""The rules of names and folders find what breaks them."""

import ast
from pathlib import Path

import pytest

from tests.support.layout import (
    MOST_LINES,
    MOST_MODULES,
    find_crowded_folders,
    find_long_readme,
    find_names,
    is_bare_participle,
)
from tests.support.scheduling import LONGEST, TOGETHER

ROOT = Path(__file__).parents[2]


def test_a_crowded_folder_is_found(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    for number in range(MOST_MODULES):
        (room / f"part{number}.py").touch()
    (room / "__init__.py").touch()
    assert list(find_crowded_folders(tmp_path)) == []
    (room / "one_more.py").touch()
    assert list(find_crowded_folders(tmp_path)) == [
        f"room: {MOST_MODULES + 1} modules lie flat, at most 15"
    ]


def test_a_loop_variable_without_a_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "loops.py").write_text("for it in ():\n    pass\nall(it for it in ())\n")
    assert [line.partition(": ")[0] for line in find_names(tmp_path)] == [
        "loops.py:1",
        "loops.py:3",
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def told(): ...", True),
        ("def _judged(): ...", True),
        ("async def opened(): ...", True),
        ("def tell(): ...", False),
        ("def is_recorded(): ...", False),
        ("def wait_until_held(): ...", False),
        ("def proceed(): ...", False),
        ("@property\ndef held(self): ...", False),
    ],
)
def test_a_function_that_is_no_verb_is_found(source: str, found: bool) -> None:
    assert is_bare_participle(ast.parse(source).body[0]) is found


def test_a_long_readme_is_found(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("line\n" * MOST_LINES)
    assert list(find_long_readme(tmp_path)) == []
    (tmp_path / "README.md").write_text("line\n" * (MOST_LINES + 1))
    assert len(list(find_long_readme(tmp_path))) == 1


@pytest.mark.parametrize("unit", [*LONGEST, *TOGETHER])
def test_what_is_scheduled_by_name_is_there(unit: str) -> None:
    assert (ROOT / unit).exists()
