"""From `docs/README.md` everything is found: each page, runbook and decision."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.docs.markdown import (
    ARCHITECTURE,
    DECISIONS,
    DOCUMENTS,
    INDEX,
    LINK,
    README,
    ROOT,
    RUNBOOKS,
    links,
    prose,
    rows_below,
    table_rows,
)
from tests.support.promql import alerts

# What a reader meets in the first hour: in the README, the tutorial and what commands print.
WORDS = (
    *("action", "compensation", "pivot", "barrier", "tombstone", "fence", "probe", "saga", "step"),
    *("fast path", "own queue", "eager start", "patience", "held back", "parked", "blocked"),
    *(
        "resolve",
        "audit",
        "orphan",
        "later life",
        "outbox",
        "relay",
        "inbox",
        "upcaster",
        "subject",
    ),
)
RUNBOOK_INDEX = RUNBOOKS / "README.md"
DECISION_INDEX = DECISIONS / "README.md"
STATUS = re.compile(r"\n\n\*\*Status:\*\* ([^\n]+(?:\n[^\n]+)*)\n\n## Context\n")
KNOWN = re.compile(
    r"proposed|accepted(; extended by (?P<later>.+))?"
    r"|superseded( in part)? by (?P<newer>[^:]+)(: .+)?"
)
FURTHER = [ROOT / "saga/README.md", ROOT / "examples/travel/README.md"]


def linked(page: Path) -> set[Path]:
    """The pages to which this one links."""
    targets = (page.parent / link.partition("#")[0] for link in links(page) if link[0] != "#")
    return {target.resolve() for target in targets if target.suffix == ".md"}


def led_to(cell: str) -> Path:
    """The one page to which a cell of the runbooks' index links."""
    (link,) = LINK.findall(cell)
    return RUNBOOKS / str(link)


def decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def status_of(page: Path) -> str:
    """What the page says of itself, on one line and without the full stop."""
    found = STATUS.search(page.read_text())
    assert found, f"{page.name} has no line **Status:** between its title and its context"
    return found[1].replace("\n", " ").removesuffix(".")


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_the_map_of_the_readme_has_every_folder() -> None:
    named = set(re.findall(r"`(\w+)/(?:\w+/)?`", README.read_text().partition("## Map\n")[2]))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {*packages, "deploy", "docs", "examples"} - named == set()


def test_two_clicks_lead_to_every_page() -> None:
    once = {INDEX, *linked(INDEX)}
    twice = once.union(*(linked(page) for page in once))
    assert sorted({*DOCUMENTS, *FURTHER} - twice) == []


def test_the_readme_leads_to_the_indexes() -> None:
    assert {INDEX, RUNBOOK_INDEX, DECISION_INDEX} <= linked(README)
    assert {RUNBOOK_INDEX, DECISION_INDEX} <= linked(INDEX)


def test_each_alert_leads_to_its_runbook() -> None:
    told = {
        name.strip("`"): led_to(page) for name, _, page in rows_below(RUNBOOK_INDEX, "By alert")
    }
    assert told == {alert.name: alert.runbook for alert in alerts()}


def test_each_runbook_is_found_by_a_symptom() -> None:
    told = [led_to(page) for _, page in rows_below(RUNBOOK_INDEX, "By symptom")]
    assert set(told) == set(RUNBOOKS.glob("[a-z]*.md"))


def titles(rows: Iterable[list[str]]) -> set[tuple[str, str]]:
    """By what the last cells of the rows call which page."""
    return {
        (text, target)
        for row in rows
        for text, target in re.findall(r"\[(.+?)\]\((.+?)\)", row[-1])
    }


def test_the_index_of_runbooks_calls_them_by_their_titles() -> None:
    rows = [*rows_below(RUNBOOK_INDEX, "By alert"), *rows_below(RUNBOOK_INDEX, "By symptom")]
    for text, target in titles(rows):
        assert (RUNBOOKS / target).read_text().splitlines()[0] == f"# {text}"


@pytest.mark.parametrize("page", decisions(), ids=lambda page: page.stem)
def test_each_decision_says_whether_it_holds(page: Path) -> None:
    known = KNOWN.fullmatch(status_of(page))
    assert known, status_of(page)
    for later in LINK.findall(known["later"] or known["newer"] or ""):
        assert (DECISIONS / later).exists(), later
        assert later > page.name, f"{later} is older"


def test_the_index_of_decisions_has_each_with_its_status() -> None:
    rows = [row for row in table_rows(DECISION_INDEX) if LINK.search(row[0])]
    told = {LINK.findall(row[0])[0]: row[2] for row in rows}
    assert len(told) == len(rows)
    assert told == {page.name: re.sub(r"\): .*", ")", status_of(page)) for page in decisions()}


def test_the_numbers_of_decisions_are_those_of_their_pages() -> None:
    for page in decisions():
        number = int(page.name[:4])
        assert page.read_text().startswith(f"# {number}. "), page.name
        assert f"[{number}]({page.name})" in prose(DECISION_INDEX)


def test_the_glossary_explains_the_words_of_the_first_hour() -> None:
    glossary = ARCHITECTURE.read_text().partition("## Glossary\n")[2].partition("\n## ")[0]
    told = {
        word.strip().lower()
        for words in re.findall(r"\*\*(.+?)\*\*", glossary)
        for word in words.split(",")
    }
    told |= {word.lower() for word in re.findall(r"(?<!\*)\*([A-Za-z ]+)\*(?!\*)", glossary)}
    assert set(WORDS) - told == set()
