"""A step more, added by docs/adding-a-step.md: what runs goes on, and the page counts right."""

import sys
from pathlib import Path

import pytest

from tests.docs.markdown import prose
from tests.support.code_copy import ROOT, copy_of_the_code, list_changed_files, run_in
from tests.support.page import follow

PAGE = ROOT / "docs/adding-a-step.md"
FILES, CONCEPTS = 5, 11


def rows(head: str) -> list[list[str]]:
    """The cells of the page's table with this head."""
    lines = prose(PAGE).partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def first_cells(head: str) -> list[str]:
    return [row[0] for row in rows(head)]


def last_cells(head: str) -> list[str]:
    return [row[-1] for row in rows(head)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code with the step. The page's own commands have linted and replayed it by then."""
    folder = copy_of_the_code(tmp_path_factory.mktemp("step"))
    follow(PAGE, folder, below="## All of a small one")
    return folder


def test_it_takes_the_files_that_the_page_lists_and_five_at_most(tree: Path) -> None:
    files = sorted(list_changed_files(tree))
    assert [f"`{file}`" for file in files] == sorted(first_cells("file"))
    assert len(files) == FILES
    assert "It takes five files, beside tests:" in prose(PAGE)


def test_it_takes_eleven_concepts_at_most() -> None:
    assert len(first_cells("concept")) == CONCEPTS
    assert "And it takes eleven concepts:" in prose(PAGE)


def test_every_concept_is_told_of_where_the_page_says() -> None:
    whole = PAGE.read_text()
    for concept, part in zip(first_cells("concept"), last_cells("concept"), strict=True):
        told = whole.partition(f"\n## {part}. ")[2].partition("\n## ")[0].lower()
        assert all(name.strip("`").lower() in told for name in concept.split(", ")), concept


def test_the_step_is_drawn_in_its_place(tree: Path) -> None:
    drawn = run_in(tree, sys.executable, "-m", "cli.main", "graph", "ReturnOrder").stdout
    assert "restock --> inspect" in drawn
    assert "inspect --> mark_returned" in drawn
