"""The kernel stays small, and the documents say how large it is."""

import re
from pathlib import Path

import pytest

from tests.support.code_lines import code_lines, kernel

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
LIMIT = 1679  # lower it when the kernel gets smaller; a file stays within 250 lines, all counted


@pytest.fixture(autouse=True)
def path() -> None:
    """Nothing runs here."""


def test_only_code_is_counted() -> None:
    text = '"""A module.\n\nMore."""\n\n# why\nx = """one\ntwo"""\n\n\n'
    function = 'def f():\n    """Doc."""\n    return (\n        1\n    )\n'
    assert code_lines(text) == 2
    assert code_lines(text + function) == 6


def test_the_kernel_is_no_larger_than_the_architecture_says() -> None:
    said = re.search(r"the kernel has (\d+) lines of code", ARCHITECTURE.read_text())
    assert said is not None
    assert sum(kernel().values()) <= int(said[1]) <= LIMIT


def test_the_saga_of_six_steps_is_read_at_one_sitting() -> None:
    assert code_lines((ROOT / "workflows" / "place_order.py").read_text()) <= 90
