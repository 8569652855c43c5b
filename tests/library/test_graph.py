"""Drawings of sagas are of what they are, and those in the documents are of today's."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from saga import SagaDefinition
from saga.graph import mermaid, svg
from tests.saga.toy import BY_STYLE, LAST, ONE, PIVOT, REPEATED, TWO
from tests.saga.waiting_toy import ASK
from workflows.place_order import PLACE_ORDER
from workflows.return_order import RETURN_ORDER

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documents_show_the_sagas_as_they_are() -> None:
    assert (DOCS / "images" / "place-order.svg").read_text() == svg(PLACE_ORDER)
    page = (DOCS / "adding-a-saga.md").read_text()
    assert re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL) == [mermaid(RETURN_ORDER)]


def test_steps_side_by_side_are_drawn_side_by_side_and_undone_in_reverse() -> None:
    lines = mermaid(BY_STYLE["together"]).splitlines()
    arrows = [line.strip() for line in lines if "->" in line]
    assert arrows == ["one & two --> pivot", "pivot --> last", "undo_two -.-> undo_one"]


@pytest.mark.parametrize("draw", [mermaid, svg])
def test_each_step_is_drawn_with_what_it_is_and_what_undoes_it(draw: object) -> None:
    drawn = draw(SagaDefinition("Toy", (ONE, REPEATED, PIVOT, LAST)))  # type: ignore[operator]
    assert drawn.count("toy.undo_one") == drawn.count("toy.undo_two") == 1
    assert drawn.count("compensatable, once for each") == 1
    assert drawn.count("toy.fence") == 0


def test_a_picture_is_well_formed_whatever_a_step_is_called() -> None:
    picture = svg(SagaDefinition("A & B", (replace(TWO, name="a<b>&"),)))
    assert ElementTree.fromstring(picture).tag.endswith("svg")  # noqa: S314 - it is ours


def test_a_step_that_waits_is_drawn_with_what_it_waits_for() -> None:
    drawn = SagaDefinition("Toy", (ASK,))
    assert "<br/>waits for the traveller's approval" in mermaid(drawn)
    assert "compensatable, waits" in svg(drawn)
