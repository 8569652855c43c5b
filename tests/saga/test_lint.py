"""The linter finds what a newcomer gets wrong, names the line, and says how to mend it."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saga import SagaDefinition
from saga.lint import lint
from saga.step import activity_name
from tests.saga import toy
from tests.saga.toy import LAST, ONE, PIVOT, QUEUE, TWO, Script, Toy
from workers import lint as ours

REGISTERED = {QUEUE: [*(activity_name(item) for item in Toy(Script()).all()), "other.undo"]}

WRONG = {
    "bare_except": [
        (23, "`except Exception` swallows the failure of a step"),
        (27, "`except` swallows a cancellation"),
    ],
    "key_from_uuid": [(13, "`uuid4` is another one"), (14, "`run_id` is another one")],
    "other_command": [(20, "step one is undone with int, but done with str")],
    "twice": [(7, "step second uses the activity toy.two of step first")],
    "no_definition": [(1, "there is no SagaDefinition")],
}
LATE = replace(ONE, name="late")
EARLY = replace(LAST, name="early")
REFUSED: dict[str, tuple[Any, ...]] = {
    "step late comes after the pivot": (PIVOT, LATE),
    "step early comes before the pivot": (EARLY, PIVOT),
    "step two is a second pivot": (PIVOT, replace(PIVOT, name="two")),
    "step one has the name of an earlier step": (ONE, (TWO, replace(TWO, name="one"))),
    "step pivot runs beside others": ((ONE, PIVOT), LAST),
    "step pivot runs beside others, or several times": (
        replace(PIVOT, command=None, commands=lambda _: ("c",)),
        LAST,
    ),
    "step one#2 has a name that a generation could have": (ONE, replace(TWO, name="one#2")),
    "a tuple of steps is empty": (ONE, ()),
    "step one has no command": (replace(ONE, command=None), PIVOT),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_saga_is_found_at_its_line(name: str) -> None:
    module = importlib.import_module(f"tests.saga.wrong.{name}")
    found = lint(module, REGISTERED)
    assert [row.line for row in found] == [line for line, _ in WRONG[name]]
    for row, (_, what) in zip(found, WRONG[name], strict=True):
        assert row.what.startswith(what)
        assert row.fix
        assert Path(row.file).name == f"{name}.py"


def test_a_key_that_is_made_in_the_module_of_commands_is_found_there() -> None:
    (found,) = lint(importlib.import_module("tests.saga.wrong.key_from_elsewhere"), REGISTERED)
    assert found.what.startswith("`uuid4` is another one")
    assert (Path(found.file).name, found.line) == ("elsewhere.py", 8)


def test_every_wrong_saga_is_tried() -> None:
    folder = Path(__file__).parent / "wrong"
    others = {"__init__", "elsewhere", "key_from_elsewhere"}
    assert {path.stem for path in folder.glob("*.py")} - others == set(WRONG)


def test_an_activity_that_no_worker_has_is_found() -> None:
    module = importlib.import_module("tests.saga.wrong.key_from_uuid")
    found = [item for item in lint(module, {QUEUE: ["toy.one"]}) if "no worker" in item.what]
    assert len(found) == 3  # undo_one, pivot and fence
    assert {row.fix for row in found} == {"Register it with the worker of that queue"}


@pytest.mark.parametrize("why", REFUSED)
def test_what_could_not_be_undone_or_carried_out_cannot_be_declared(why: str) -> None:
    with pytest.raises(ValueError, match=f"saga Wrong: {why}.*: "):
        SagaDefinition("Wrong", REFUSED[why])


def test_the_toy_is_right_but_for_the_mistake_that_it_makes_on_purpose() -> None:
    found = [item.what for item in lint(toy, REGISTERED)]
    assert sum("swallows a cancellation" in row for row in found) == 1
    assert len(found) == 1


def test_our_own_sagas_have_no_findings() -> None:
    assert ours.findings() == []
