"""What `docs/failures.md` tells of each fault is shown by a test, which it names."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs.markdown import ROOT

PAGE = ROOT / "docs/failures.md"
FAULTS, PROOFS = "## Where people, time and others touch it", "## What shows it"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows(heading: str) -> Iterator[list[str]]:
    """The cells of the rows of the table below a heading, without its head."""
    section = PAGE.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


SHOWN = {row[0]: NAMED.findall(row[1]) for row in rows(PROOFS)}


def test_every_fault_of_the_page_is_shown_by_a_test() -> None:
    assert [row[0] for row in rows(FAULTS)] == [*SHOWN]
    assert [fault for fault, tests in SHOWN.items() if not tests] == []


@pytest.mark.parametrize("fault", SHOWN)
def test_the_tests_that_are_named_exist(fault: str) -> None:
    for file, name in SHOWN[fault]:
        assert (ROOT / file).exists(), file
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        tree = ast.parse((ROOT / file).read_text())
        assert name in {item.name for item in ast.walk(tree) if isinstance(item, functions)}, name
