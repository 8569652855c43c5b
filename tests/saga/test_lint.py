"""The linter finds what a newcomer gets wrong, names the line, and says how to mend it."""

import importlib
from pathlib import Path

import pytest

from saga.lint import lint
from saga.step import activity_name
from tests.saga import toy
from tests.saga.toy import QUEUE, Script, Toy
from workers import lint as ours

REGISTERED = {QUEUE: [*(activity_name(it) for it in Toy(Script()).all()), "other.undo"]}

WRONG = {
    "compensation_after_pivot": [(7, "step late is compensatable but comes after the pivot")],
    "retriable_before_pivot": [(6, "step early must succeed but comes before the pivot")],
    "bare_except": [
        (25, "`except Exception` swallows the failure of a step"),
        (29, "`except` swallows a cancellation"),
    ],
    "key_from_uuid": [(22, "`uuid4` is another one"), (23, "`run_id` is another one")],
    "other_command": [(20, "step one is undone with int, but done with str")],
    "twice": [
        (6, "step same has the name of an earlier step"),
        (8, "step third uses the activity toy.two of step same"),
    ],
    "undeclared": [(8, "step one is not declared")],
    "no_table": [(1, "there is no step table")],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_saga_is_found_at_its_line(name: str) -> None:
    module = importlib.import_module(f"tests.saga.wrong.{name}")
    found = lint(module, REGISTERED)
    assert [it.line for it in found] == [line for line, _ in WRONG[name]]
    for it, (_, what) in zip(found, WRONG[name], strict=True):
        assert it.what.startswith(what)
        assert it.fix
        assert Path(it.file).name == f"{name}.py"


def test_every_wrong_saga_is_tried() -> None:
    folder = Path(__file__).parent / "wrong"
    assert {it.stem for it in folder.glob("*.py")} - {"__init__"} == set(WRONG)


def test_an_activity_that_no_worker_has_is_found() -> None:
    module = importlib.import_module("tests.saga.wrong.key_from_uuid")
    found = [it for it in lint(module, {QUEUE: ["toy.one"]}) if "no worker" in it.what]
    assert len(found) == 3  # undo_one, pivot and fence
    assert {it.fix for it in found} == {"Register it in workers/queues.py"}


def test_the_toy_is_right_but_for_the_mistake_that_it_makes_on_purpose() -> None:
    toy.STEPS = (toy.ONE, toy.TWO, toy.PIVOT, toy.LAST)  # type: ignore[attr-defined]
    found = [it.what for it in lint(toy, REGISTERED)]
    assert sum("swallows a cancellation" in it for it in found) == 1
    assert len(found) == 1


def test_our_own_sagas_have_no_findings() -> None:
    assert ours.findings() == []
