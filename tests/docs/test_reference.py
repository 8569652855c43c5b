"""The pages of `docs/reference/` that are made of the code are what the code says."""

import ast
import re
from collections.abc import Callable

import pytest

from tests.deploy.kinds import KNOWN
from tests.docs.markdown import ROOT, prose
from tests.support.reference import error_words, errors
from tests.support.reference.pages import FOLDER, PAGES
from tests.support.reference.settings import everything

PROGRAMS = (
    *("api", "cli", "console", "infrastructure", "local_stack", "relay", "saga", "sandbox"),
    *("services", "workers"),
)
VARIABLE = re.compile(
    "(API|CONSOLE|EVENT|GATEWAY|INVENTORY|LOG|ORDER|OTEL|PAYLOAD|PAYMENT|REGISTRY|SAGA|SANDBOX"
    "|SERVICE|TEMPORAL|USER|WEBHOOK)(_[A-Z]+)+"
)


@pytest.mark.parametrize(("name", "page"), PAGES.items(), ids=[*PAGES])
def test_the_page_is_what_the_code_says(name: str, page: Callable[[], str]) -> None:
    assert (FOLDER / name).read_text() == page(), "run: make reference"


def test_every_variable_that_our_programs_name_has_its_row() -> None:
    """Also those that are read past the classes of settings."""
    files = (path for folder in PROGRAMS for path in (ROOT / folder).rglob("*.py"))
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text())))
    named = {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and VARIABLE.fullmatch(node.value)
    }
    assert len(named) > 20
    assert named - {setting.name for setting in everything()} == set()


def test_every_field_of_a_class_of_settings_has_its_row() -> None:
    fields = {name.upper() for kind in KNOWN for name in kind.model_fields}
    assert fields - {setting.name for setting in everything()} == set()


def test_every_code_has_its_row() -> None:
    text = prose(FOLDER / "errors.md")
    for name in {*errors.of_api(), *errors.of_gateway(), *errors.of_services()}:
        assert f"| `{name}` |" in text


def test_a_code_without_words_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(error_words.REQUESTS, "token_missing")
    with pytest.raises(ValueError, match=r"without words.*token_missing"):
        errors.tables()


def test_words_of_a_code_that_is_gone_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(error_words.STEPS, "no_such_code", "Nobody says it.")
    with pytest.raises(ValueError, match=r"declared nowhere.*no_such_code"):
        errors.tables()
